/** Folders, children and damage for the tests of the store on disk. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '../../runtime/logger.ts'
import { openRocksdbStorage, type RocksdbOptions } from '../../runtime/storage/rocksdb.ts'
import { type Storage, StorageError, type StorageOp } from '../../runtime/storage/storage.ts'

export const open = (dir: string, more: Partial<RocksdbOptions> = {}): Promise<Storage> =>
  openRocksdbStorage({ dir, logger: silentLogger, ...more })

export const put = (key: string, value = key): StorageOp => ({ type: 'put', key, value: Buffer.from(value) })

export const writeSynced = (storage: Storage, ...ops: StorageOp[]): Promise<void> =>
  storage.batch(ops, { sync: true, epoch: 1 })

export async function allOf(storage: Storage): Promise<Record<string, string>> {
  const all: Record<string, string> = {}
  for await (const [key, value] of storage.scan({})) all[key] = Buffer.from(value).toString()
  return all
}

/** The StorageError with which it rejects; throws when it does not. */
export async function refusalOf(promise: Promise<unknown>): Promise<StorageError> {
  const outcome = await promise.catch((error: unknown) => error)
  if (outcome instanceof StorageError) return outcome
  throw new Error(`expected a StorageError, got ${String(outcome)}`)
}

/** A folder that others may pass through, so that what they are refused is the store itself. */
export function makeRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'troupe-storage-'))
  chmodSync(root, 0o755)
  return root
}

/** Every file below the folder, by its path, with its bytes and its mode. */
export function filesOf(dir: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()) {
    const info = statSync(join(dir, name))
    files[name] = `${info.mode.toString(8)} ${info.isFile() ? readFileSync(join(dir, name)).toString('base64') : ''}`
  }
  return files
}

export function dbFiles(dir: string, pattern: RegExp): string[] {
  return readdirSync(join(dir, 'db'))
    .filter((name) => pattern.test(name))
    .map((name) => join(dir, 'db', name))
}

/** Flips one bit of the byte at `at`. */
export function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 0x10
  writeFileSync(path, bytes)
}

const childPath = fileURLToPath(new URL('./storage-child.ts', import.meta.url))
const childArgs = (mode: string, dir: string) => ['--import', 'tsx', childPath, mode, dir]

/** Starts a child and resolves once it has printed `lines` lines; `printed` goes on growing. */
export async function startChild(mode: 'hold' | 'write', dir: string, lines: number) {
  const child = spawn(process.execPath, childArgs(mode, dir), { stdio: ['ignore', 'pipe', 'pipe'] })
  const printed: string[] = []
  let rest = ''
  let complaints = ''
  child.stderr.on('data', (chunk) => {
    complaints += chunk
  })
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the child ended with ${code}: ${complaints}`)))
    child.stdout.on('data', (chunk) => {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop() as string
      printed.push(...parts)
      if (printed.length >= lines) resolve()
    })
  })
  return { printed, kill: () => killed(child) }
}

/** Resolves when it is gone and all that it printed has been read. */
function killed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.removeAllListeners('exit')
    child.once('close', () => resolve())
    child.kill('SIGKILL')
  })
}

/** What a child without rights, or on another platform, is told: `ok`, or the code and message. */
export function tryInChild(dir: string, env: Record<string, string> = {}): { code: string; message: string } | 'ok' {
  const child = spawnSync(process.execPath, childArgs('try', dir), {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 45_000,
  })
  if (child.stdout.trim() === 'ok') return 'ok'
  if (!child.stdout.startsWith('{')) throw new Error(`${child.stdout}${child.stderr}`)
  return JSON.parse(child.stdout) as { code: string; message: string }
}

/** Mounts a small file system in memory for `body`. `options` as for mount: `size=4m`. */
export async function withMount(
  at: string,
  options: string,
  body: (remount: (options: string) => void) => Promise<void>,
): Promise<void> {
  const mount = (text: string) => {
    const done = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', text, 'tmpfs', at], { encoding: 'utf8' })
    if (done.status !== 0) throw new Error(`mount failed: ${done.stderr}`)
  }
  mount(options)
  try {
    await body((text) => mount(`remount,${text}`))
  } finally {
    spawnSync('/bin/umount', ['-l', at])
  }
}

/** Why no file system can be mounted here; undefined if it can. */
export function whyNoMount(): string | undefined {
  if (process.platform !== 'linux') return 'left out: tmpfs is of Linux'
  const at = mkdtempSync(join(tmpdir(), 'troupe-mount-'))
  try {
    const done = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at], { encoding: 'utf8' })
    if (done.status !== 0) return `left out: this user may not mount (${done.stderr?.trim() || done.error?.message})`
    spawnSync('/bin/umount', [at])
    return undefined
  } finally {
    rmSync(at, { recursive: true, force: true })
  }
}
