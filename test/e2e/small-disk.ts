/** A small disk of its own (tmpfs) in the place of a folder, to be filled up or made read-only. */
import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Why there is none here; undefined if there is. */
export function whyNoSmallDisk(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux has tmpfs'
  return process.getuid?.() === 0 ? undefined : 'only root can mount'
}

export class SmallDisk {
  readonly #dir: string

  private constructor(dir: string) {
    this.#dir = dir
  }

  static async open(dir: string, bytes: number): Promise<SmallDisk> {
    await mkdir(dir, { recursive: true })
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', dir])
    return new SmallDisk(dir)
  }

  get #ballast(): string {
    return join(this.#dir, 'ballast')
  }

  /** Leaves not a byte. */
  async fill(): Promise<void> {
    for (const piece of [1_024 * 1_024, 4_096]) {
      const zeros = new Uint8Array(piece)
      // Piece by piece, until the disk says that it is full.
      while (await this.#takes(zeros));
    }
  }

  async #takes(bytes: Uint8Array): Promise<boolean> {
    try {
      await writeFile(this.#ballast, bytes, { flag: 'a' })
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
      throw error
    }
  }

  makeRoom(): Promise<void> {
    return rm(this.#ballast, { force: true })
  }

  /** Refused by the kernel while anything on it is open for writing. */
  async makeReadOnly(readOnly: boolean): Promise<void> {
    await run('mount', ['-o', `remount,${readOnly ? 'ro' : 'rw'}`, this.#dir])
  }

  async close(): Promise<void> {
    await run('umount', ['-l', this.#dir])
  }
}
