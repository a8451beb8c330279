/**
 * How far the log is known to be synced, in a small file beside it.
 *
 * RocksDB can replay its log in several modes, but this binding sets none, so that it is always "point in time": replay
 * ends at the first record whose checksum is wrong and the store opens as if nothing had followed. After a crash that is
 * right, for what was cut short was never acknowledged. After damage it is a silent loss of what was. The log alone
 * cannot tell the two apart; this mark can: after each synced batch it holds that batch's sequence number, and a store
 * that opens with a lower one has lost synced batches.
 *
 * The mark is written in place and not synced, which would double the cost of each flush. A killed process loses none of
 * it. After a loss of power it may be older than the log, by what the system had not yet written back: then it promises
 * less, but it is never wrong.
 */
import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

const digits = 16

/** `0000000000000042 1f2e3d4c\n`: fits one sector, so that no write of it is ever torn. */
function encode(sequence: number): string {
  const text = String(sequence).padStart(digits, '0')
  return `${text} ${crc32(text).toString(16).padStart(8, '0')}\n`
}

/** The sequence number in the file; 0 if there is none; undefined if it cannot be trusted. */
export function readMark(path: string): number | undefined {
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
  if (text === '') return 0
  const sequence = Number(text.slice(0, digits))
  return Number.isSafeInteger(sequence) && text === encode(sequence) ? sequence : undefined
}

export class SyncedMark {
  readonly #fd: number

  /** Makes the file if it is not there; throws Node's error if it cannot be written. */
  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  }

  /** Call it only once all up to `sequence` is synced. */
  write(sequence: number): void {
    writeSync(this.#fd, encode(sequence), 0, 'latin1')
  }

  close(): void {
    try {
      fsyncSync(this.#fd)
    } finally {
      closeSync(this.#fd)
    }
  }
}
