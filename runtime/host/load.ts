/**
 * Reads actors back after a crash. A record that cannot be read is set aside and named; the others go on.
 */
import type { AnyMachineSnapshot } from 'xstate'
import { type PersistedSnapshot, restore } from '../../actors/step.ts'
import type { Storage } from '../storage/storage.ts'
import { endOf } from './keys.ts'
import { type KindName, kinds } from './kinds.ts'
import { type ActorRecord, decodeRecord, RecordError } from './record.ts'

export interface LoadedActor {
  readonly key: string
  readonly snapshot: AnyMachineSnapshot
  readonly record: LoadedRecord
}

/** What else its record says. Not the state as it was read: a start would hold that of every actor once more. */
export type LoadedRecord = Pick<ActorRecord, 'machineId' | 'version' | 'revision' | 'timers'>

export interface UnreadableRecord {
  readonly key: string
  /** A clause: "its checksum does not match". */
  readonly reason: string
}

const notOfAnActor = 'it is not the record of an actor'

/** Throws RecordError for a record of another machine, of a newer Troupe, or that is damaged. */
export function readActor(key: string, kindName: KindName, bytes: Uint8Array): LoadedActor {
  const kind = kinds[kindName]
  const record = decodeRecord(bytes) as ActorRecord | null
  if (typeof record?.machineId !== 'string' || !Number.isInteger(record.version)) throw new RecordError(notOfAnActor)
  if (record.machineId !== kind.machine.id) throw new RecordError(`it is of a machine called ${record.machineId}`)
  if (record.version > kind.version)
    throw new RecordError(`it was written by a newer Troupe (version ${record.version})`)
  if (!Array.isArray(record.timers)) throw new RecordError(notOfAnActor)
  let persisted: unknown = record.snapshot
  for (const migration of kind.migrate.slice(record.version - 1)) persisted = migration(persisted)
  try {
    const { machineId, version, revision, timers } = record
    const snapshot = restore(kind.machine, persisted as PersistedSnapshot)
    return { key, snapshot, record: { machineId, version, revision, timers } }
  } catch (error) {
    throw new RecordError(`its state cannot be restored (${(error as Error).message})`)
  }
}

/** All records under `prefix`, in the order of their keys. */
export async function* loadActors(
  storage: Storage,
  prefix: string,
  kind: KindName,
): AsyncGenerator<LoadedActor | UnreadableRecord> {
  for await (const [key, bytes] of storage.scan({ gte: prefix, lt: endOf(prefix) })) yield loadActor(key, kind, bytes)
}

/** As `readActor`, but never throws. */
export function loadActor(key: string, kind: KindName, bytes: Uint8Array): LoadedActor | UnreadableRecord {
  try {
    return readActor(key, kind, bytes)
  } catch (error) {
    return { key, reason: error instanceof RecordError ? error.message : String(error) }
  }
}

/** A small value under `meta/`. */
export async function readMeta<T>(storage: Storage, key: string): Promise<T | undefined> {
  const bytes = await storage.get(key)
  return bytes === undefined ? undefined : (decodeRecord(bytes) as T)
}
