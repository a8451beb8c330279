/** A task from its submission to its end: `npx tsx examples/hello.ts`. It needs no engine, and leaves nothing behind. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTroupe } from 'troupe'
import { waitFor } from 'xstate'

const dataDir = mkdtempSync(join(tmpdir(), 'troupe-hello-'))
const troupe = await openTroupe({ dataDir, drivers: ['process'] })
const task = await troupe.run({ driver: 'process', command: ['sh', '-c', 'echo hi; exit 3'] })
task.subscribe((s) => console.log(s.value))
await waitFor(task, (s) => s.matches('Running'))
for await (const line of task.logs({ follow: true })) console.log(line.text)
const { outcome, exitCode } = await task.result()
console.log(outcome, exitCode)

await troupe.close()
rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
