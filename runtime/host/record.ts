/**
 * How things are written down: MessagePack behind a CRC-32, so that a bit that flipped below the store's own checks is
 * found when the record is read and named, not acted upon.
 *
 *   4 bytes CRC-32 of the rest, big endian │ MessagePack
 */
import { crc32 } from 'node:zlib'
import { Packr, RESERVE_START_SPACE } from 'msgpackr'
import type { AnyMachineSnapshot } from 'xstate'
import { type PersistedSnapshot, persist } from '../../actors/step.ts'

/** A durable timer: `dueAtMs` by the wall clock, and how long it was to begin with, lest a clock set back delays it. */
export interface StoredTimer {
  readonly id: string
  readonly event: { readonly type: string }
  readonly dueAtMs: number
  readonly delayMs: number
}

export interface ActorRecord {
  readonly machineId: string
  /** Of the machine's shape; older ones are migrated. */
  readonly version: number
  /** The commit that wrote it. */
  readonly revision: number
  readonly snapshot: PersistedSnapshot
  readonly timers: readonly StoredTimer[]
}

const packr = new Packr({ useRecords: false, moreTypes: true })
const checksumBytes = 4

/** A record that cannot be read: the reason, as a clause ("its checksum does not match"). */
export class RecordError extends Error {
  override readonly name = 'RecordError'
}

/** The bytes are in a block that many records share: to be copied by whoever keeps them, as every store does. */
export function encodeRecord(value: unknown): Uint8Array {
  const bytes = packr.pack(value, RESERVE_START_SPACE + checksumBytes)
  bytes.writeUInt32BE(crc32(bytes.subarray(checksumBytes)), 0)
  return bytes
}

/** Throws RecordError. The value is fresh: it shares nothing with the bytes or with any other. */
export function decodeRecord(bytes: Uint8Array): unknown {
  if (bytes.length <= checksumBytes) throw new RecordError('it is cut short')
  const body = bytes.subarray(checksumBytes)
  const expected = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  if (crc32(body) !== expected) throw new RecordError('its checksum does not match')
  try {
    return packr.unpack(body)
  } catch (error) {
    throw new RecordError(`it cannot be decoded (${(error as Error).message})`)
  }
}

export function actorRecord(
  machineId: string,
  version: number,
  revision: number,
  snapshot: AnyMachineSnapshot,
  timers: readonly StoredTimer[],
): ActorRecord {
  return { machineId, version, revision, snapshot: persist(snapshot), timers }
}
