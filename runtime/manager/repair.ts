/**
 * Makes a new store of what can be read of a damaged one. Nothing is guessed: what is copied has been read whole, what
 * follows from it is written anew (indexes), and each record that is known to be lost leaves a blank, so that the manager
 * names it and sets it aside rather than acting as if it had never been.
 */
import { TroupeError } from '../../actors/protocol/errors.ts'
import { standingOf } from '../../actors/standing.ts'
import { endOf, keys, logKeyOf, prefixes, revisionOf } from '../host/keys.ts'
import { readActor } from '../host/load.ts'
import { decodeRecord, encodeRecord, RecordError } from '../host/record.ts'
import type { Storage, StorageOp } from '../storage/storage.ts'

const repairLimits = {
  /** Records in one batch of the new store. */
  batchOps: 500,
} as const

/** A damaged store that is read only. */
export interface DamagedStore {
  readonly lostTail: string | undefined
  /** Complete once `entries` has been read to its end. */
  readonly gaps: readonly { readonly after: string; readonly before: string | undefined }[]
  entries(): AsyncIterable<readonly [key: string, value: Uint8Array]>
  get(key: string): Uint8Array | undefined | 'damaged'
}

export interface RepairReport {
  readonly copied: number
  /** One line for each thing that is lost, or may be. Empty: nothing is. */
  readonly lost: readonly string[]
}

/** A record that says of itself that it cannot be read. */
const blank = new Uint8Array(0)
/** Kinds of keys whose values are empty and follow from other records. */
const isIndex = (key: string): boolean => key.startsWith('past/') || key.startsWith(prefixes.final)

/** Rejects with TroupeError `Conflict` for a worker's store, and where nothing could be begun with what is left. */
export async function repairStore(from: DamagedStore, to: Storage, nowMs: number): Promise<RepairReport> {
  const repair = new Repair(from, to)
  return repair.run(nowMs)
}

class Repair {
  readonly #from: DamagedStore
  readonly #to: Storage
  readonly #ids = new Set<string>()
  readonly #lost: string[] = []
  #ops: StorageOp[] = []
  #copied = 0

  constructor(from: DamagedStore, to: Storage) {
    this.#from = from
    this.#to = to
  }

  async run(nowMs: number): Promise<RepairReport> {
    this.#refuseWorkers()
    for await (const [key, value] of this.#from.entries()) await this.#take(key, value)
    await this.#flush()
    if (this.#from.gaps.length > 0) await this.#closeGaps()
    if (this.#from.lostTail !== undefined) this.#lost.push(`the end: ${this.#from.lostTail}`)
    if ((await this.#to.get(keys.cluster)) === undefined) throw withoutCluster()
    if (this.#lost.length > 0) await this.#put(keys.backup, encodeRecord({ revision: 0, atMs: nowMs }))
    await this.#flush()
    return { copied: this.#copied, lost: this.#lost }
  }

  #refuseWorkers(): void {
    if (this.#from.get(keys.node) === undefined) return
    const message =
      'this is the store of a worker, and a worker that has forgotten an attempt might start it twice; start the worker with a new --data-dir instead, and the manager replaces what may be replaced'
    throw new TroupeError('Conflict', message)
  }

  async #take(key: string, value: Uint8Array): Promise<void> {
    this.#learn(key)
    // Without it the next manager looks at every task, and names those that cannot be read.
    if (key.startsWith(prefixes.live) || key === keys.indexed) return
    if (isIndex(key)) return this.#put(key, value)
    try {
      const record = decodeRecord(value)
      if (key.startsWith(prefixes.log)) this.#ids.add((record as { taskId: string }).taskId)
      await this.#put(key, value)
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
      await this.#lose(key, error.message)
    }
  }

  /** Whose key it is. */
  #learn(key: string): void {
    const [kind, ...rest] = key.split('/')
    const id = kind === 'final' ? rest[1] : rest[0]
    if (id !== undefined && ['task', 'spec', 'past', 'final'].includes(kind ?? '')) this.#ids.add(id)
  }

  /** What is known to have been in a gap is asked for by its name, and made anew or given up by its name. */
  async #closeGaps(): Promise<void> {
    for (const { after, before } of this.#from.gaps) {
      const [from, to] = [after === '' ? 'the beginning' : after, before ?? 'the end']
      this.#lost.push(`whatever was between ${from} and ${to} and is named by nothing else`)
    }
    for (const key of Object.values(keys)) if (typeof key === 'string') await this.#fetch(key)
    for (const id of this.#ids) {
      await this.#fetch(keys.task(id))
      await this.#fetch(keys.spec(id))
    }
    await this.#flush()
    await this.#indexLog()
    for (const id of this.#ids) await this.#closeHistory(id)
    await this.#flush()
    for await (const [key, value] of this.#all(prefixes.task)) await this.#indexFinal(key, value)
    await this.#flush()
  }

  /** Takes a key that is in a gap, if it can be had on its own. */
  async #fetch(key: string): Promise<void> {
    if (!this.#isInGap(key)) return
    const value = this.#from.get(key)
    if (value === 'damaged') await this.#lose(key, 'it is in a damaged block')
    else if (value !== undefined) await this.#take(key, value)
  }

  /** The index of each task's transitions, from the log. */
  async #indexLog(): Promise<void> {
    for await (const [key, value] of this.#all(prefixes.log)) {
      if (value.length === 0) continue
      const { taskId } = decodeRecord(value) as { taskId: string }
      const past = `${prefixes.past(taskId)}${key.slice(prefixes.log.length)}`
      if (this.#isInGap(past)) await this.#put(past, blank)
    }
    await this.#flush()
  }

  /**
   * Transitions that the index names and the log has lost. Where both have a gap nobody knows, so that the history gets
   * a blank: it is then refused rather than told as if it were whole.
   */
  async #closeHistory(id: string): Promise<void> {
    const prefix = prefixes.past(id)
    for await (const [key] of this.#all(prefix)) await this.#fetch(logKeyOf(key))
    const isHidden = this.#from.gaps.some((gap) => gap.after < endOf(prefix) && (gap.before ?? '~') > prefix)
    const gap = this.#from.gaps.find(touchesLog)
    if (!isHidden || gap === undefined) return
    const at = gap.after.startsWith(prefixes.log) ? revisionOf(gap.after) : 0
    const name = `${String(at).padStart(16, '0')}.999`
    await this.#put(`${prefix}${name}`, blank)
    await this.#put(`${prefixes.log}${name}`, blank)
    this.#lost.push(`${id}: its history may lack transitions, so that it is not told`)
  }

  /** The index of tasks in the order in which they ended. */
  async #indexFinal(key: string, value: Uint8Array): Promise<void> {
    const id = key.slice(prefixes.task.length)
    try {
      const { snapshot, record } = readActor(key, 'task', value)
      const final = keys.final(record.revision, id)
      if (standingOf(snapshot).final && this.#isInGap(final)) await this.#put(final, blank)
    } catch (error) {
      // It is lost, and was said to be.
      if (!(error instanceof RecordError)) throw error
    }
  }

  #isInGap(key: string): boolean {
    return this.#from.gaps.some(({ after, before }) => key > after && (before === undefined || key < before))
  }

  async #lose(key: string, why: string): Promise<void> {
    this.#lost.push(`${key}: ${why}`)
    // Of the others in `meta/` a manager that takes over can do without, or `run` refuses.
    if (key === keys.indexed || key.startsWith(prefixes.live)) return
    if (key.startsWith('meta/') && key !== keys.revision) return
    await this.#put(key, blank)
  }

  #all(prefix: string): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    return this.#to.scan({ gte: prefix, lt: endOf(prefix) })
  }

  async #put(key: string, value: Uint8Array): Promise<void> {
    this.#ops.push({ type: 'put', key, value })
    if (this.#ops.length >= repairLimits.batchOps) await this.#flush()
  }

  async #flush(): Promise<void> {
    if (this.#ops.length === 0) return
    const ops = this.#ops
    this.#ops = []
    this.#copied += ops.filter(({ type, ...op }) => type === 'put' && 'value' in op && op.value.length > 0).length
    await this.#to.batch(ops, { sync: true, epoch: 0 })
  }
}

const touchesLog = ({ after, before }: DamagedStore['gaps'][number]): boolean =>
  after < endOf(prefixes.log) && (before === undefined || before > prefixes.log)

function withoutCluster(): TroupeError {
  const message =
    'what is lost includes the identity of the cluster (meta/cluster), without which no worker would know its manager; restore a backup'
  return new TroupeError('Conflict', message)
}
