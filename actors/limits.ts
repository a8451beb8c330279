/** The limits of what a user may send, and the ids, times and amounts that are held to them. */
import { type Static, Type } from 'typebox'

/** Limits on what a user may send; each has a unit in its name. */
export const modelLimits = {
  idCharsMax: 63,
  nameCharsMax: 128,
  argsMax: 1_024,
  argCharsMax: 131_072,
  envMax: 1_024,
  envNameCharsMax: 1_024,
  labelsMax: 64,
  labelNameCharsMax: 63,
  /** Drivers of one node. */
  driversMax: 64,
  constraintsMax: 32,
  mountsMax: 32,
  /** A task's whole specification once encoded, in bytes; a stored value is never larger than 1 MB. */
  specBytesMax: 512 * 1_024,
  cpusMax: 4_096,
  memoryBytesMax: 2 ** 50,
  /** Names of nodes on the same machine that a node's view holds. */
  sharersNamedMax: 8,
  /** The longest time limit, grace or delay, in milliseconds: about 24.8 days, what one timer can hold. */
  durationMsMax: 2 ** 31 - 1,
} as const

/** A task id: chosen by the client, lower case, fit for a container's and a file's name. */
export const TaskId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' })
/** Starts like a task id; what a user types when the rest is clear. */
export const TaskIdPrefix = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' })
/** Made by the worker; becomes part of keys and labels, and so is as plain as a node's name. */
export const NodeId = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' })
/**
 * The name of an entry of a map. TypeBox's own pattern for any text passes over a name with a line end, and over whatever
 * stands under it.
 */
export const EntryName = Type.String({ pattern: '^[\\s\\S]*$' })
/** Labels of a task or a node. */
export const Labels = Type.Record(EntryName, Type.String({ maxLength: 255 }), {
  maxProperties: modelLimits.labelsMax,
})
/** What comes with Troupe is named, so that an editor can offer it; a worker may bring others. */
export const DriverName = Type.Unsafe<'docker' | 'process' | (string & {})>(
  Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }),
)
/** A word of a command, or the value of a variable. */
export const Arg = Type.String({ maxLength: modelLimits.argCharsMax })
/** How long, in milliseconds. */
export const DurationMs = Type.Integer({ minimum: 0, maximum: modelLimits.durationMsMax })
/** A whole number from `minimum` on, up to what both formats of the wire can say. */
export const whole = (minimum: number) => Type.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER })
/** The last millisecond since 1970 that a `Date` can be. */
export const timeMsMax = 8_640_000_000_000_000
/** Milliseconds since 1970, wall clock. */
export const TimeMs = Type.Number({ minimum: 0, maximum: timeMsMax })

/** An amount of a machine: cpus in cores (0.5 is half of one), memory in bytes. */
export const Resources = Type.Object({
  /** Cores, 0 to 4,096; 0.5 is half of one. */
  cpus: Type.Number({ minimum: 0, maximum: modelLimits.cpusMax }),
  /** Bytes. */
  memoryBytes: Type.Integer({ minimum: 0, maximum: modelLimits.memoryBytesMax }),
})
export type Resources = Static<typeof Resources>
