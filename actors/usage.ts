/** What attempts and machines use of what they have, as it was measured at one moment. Never stored. */
import { type Static, Type } from 'typebox'
import { timeMsMax, whole } from './limits.ts'

const Bytes = whole(0)
const AtMs = Type.Integer({ minimum: 0, maximum: timeMsMax })

/** What an attempt uses. Whatever is absent its driver cannot tell. */
export const AttemptStats = Type.Object({
  /** When it was measured; milliseconds since 1970 by the clock of its machine. */
  atMs: AtMs,
  /** CPU time that it has used since its start, of all its processes, in milliseconds. Between two samples: cores. */
  cpuMs: Type.Number({ minimum: 0 }),
  /** Without what the kernel only keeps for it and gives up when others need it. */
  memoryBytes: Bytes,
  /** How much it may use. */
  memoryLimitBytes: Type.Optional(Bytes),
  /** Received over the network since its start. */
  netRxBytes: Type.Optional(Bytes),
  /** Sent over it. */
  netTxBytes: Type.Optional(Bytes),
  /** Processes, or threads where its engine counts those. */
  pids: Type.Optional(whole(0)),
})
export type AttemptStats = Static<typeof AttemptStats>

/** What the whole machine of a node uses, tasks and everything else. */
export const NodeUsage = Type.Object({
  /** Cores that are busy, on average since the sample before. */
  cpus: Type.Number({ minimum: 0 }),
  /** Without what the kernel can give up at once. */
  memoryBytes: Bytes,
  /** Processes that run or wait to run, averaged over a minute. */
  load1: Type.Number({ minimum: 0 }),
  /** Free on the file system that the worker's folder is on. */
  diskFreeBytes: Type.Optional(Bytes),
  /** The whole of it. */
  diskTotalBytes: Type.Optional(Bytes),
})
export type NodeUsage = Static<typeof NodeUsage>
