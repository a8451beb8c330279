/** Loads the native library, or says why this machine cannot. */
import { readFile } from 'node:fs/promises'
import { arch, platform } from 'node:os'
import { StorageError } from '../storage.ts'

/** What `import('@nxtedition/rocksdb')` gives. */
export type RocksdbModule = typeof import('@nxtedition/rocksdb')

/** The prebuilt binary for x64 uses these instructions; without them the whole process dies of SIGILL, unexplained. */
const flagsOfX64 = ['avx2', 'bmi2', 'fma']

/** Rejects with StorageError `unsupported-platform`. */
export async function loadRocksdb(): Promise<RocksdbModule> {
  if (platform() === 'linux' && arch() === 'x64') {
    const lacking = lackingFlags(await readFile('/proc/cpuinfo', 'utf8').catch(() => ''))
    if (lacking.length > 0) throw unsupported(`its processor lacks ${lacking.join(', ')}`)
  }
  return import('@nxtedition/rocksdb')
}

/** Which of the needed instruction sets the text of `/proc/cpuinfo` does not name; none if it names no flags at all. */
export function lackingFlags(cpuinfo: string): string[] {
  const line = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]
  if (line === undefined) return []
  const flags = new Set(line.trim().split(/\s+/))
  return flagsOfX64.filter((flag) => !flags.has(flag))
}

/** `why` is a clause about this machine. */
export function unsupported(why: string, cause?: unknown): StorageError {
  return new StorageError(
    'unsupported-platform',
    `RocksDB cannot run on this machine (${platform()} ${arch()}): ${why}. Prebuilt binaries exist for Linux with glibc ` +
      'on x64 with AVX2 and for macOS on arm64; elsewhere use --storage memory, which forgets all when the process ends.',
    { cause },
  )
}
