/**
 * The spawner: the small process that forks a worker's tasks, waits for them and outlives the worker. It is started as
 * `flock spawner.lock node spawner-main.js <settings>` in the driver's folder: the kernel then holds the lock for as
 * long as this process lives and not a moment longer, and a child between its fork and its exec still holds it too,
 * so that whoever gets the lock next finds every task that was ever begun.
 *
 * It imports nothing but `node:` modules and its own few files, for what it weighs is what each fork costs.
 */
import { rmSync, writeSync } from 'node:fs'
import { Attempts } from './attempts.ts'
import { type SpawnerSettings, spawnerFiles } from './settings.ts'
import { SpawnerServer } from './spawner-server.ts'

const settings = JSON.parse(process.argv[2] ?? '{}') as SpawnerSettings

/** Not by `console`: on a full disk its second failure would end this process, and the codes of all tasks with it. */
const complain = (text: string): void => {
  try {
    writeSync(2, `${new Date().toISOString()} ${text}\n`)
  } catch {
    // There is nowhere else to say it.
  }
}

process.umask(0o022)
const attempts = new Attempts({
  ...settings,
  dir: process.cwd(),
  onSeen: (scope, view) => server.tell(scope, view),
  complain,
})
const server = new SpawnerServer(attempts, complain)

await attempts.recover()
// Whoever bound it before is dead, or the lock would not be ours.
rmSync(spawnerFiles.socket, { force: true })
await server.listen(spawnerFiles.socket)

let idleSinceMs: number | undefined
setInterval(
  () => {
    if (server.connections > 0 || attempts.running > 0) idleSinceMs = undefined
    else idleSinceMs ??= performance.now()
    if (idleSinceMs === undefined || performance.now() - idleSinceMs < settings.idleMs) return
    // A driver that comes in this moment sees its connection cut, and starts the next spawner.
    rmSync(spawnerFiles.socket, { force: true })
    process.exit(0)
  },
  Math.min(1_000, settings.idleMs / 2),
)
