import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { driverConformance, shellScripts } from '../../runtime/conformance/driver.ts'
import { createDockerDriver } from '../../runtime/drivers/docker/driver.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { engineSocket, realClock, shell, whyNoEngine } from './docker-fixture.ts'

const missing = await whyNoEngine()

// Needs a real engine with the test image; `whyNoEngine` prints which of them is missing, and fails with CI=true.
describe.skipIf(missing !== undefined)('the docker driver, as every driver', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'troupe-docker-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  driverConformance(
    { test, expect },
    {
      open: () =>
        createDockerDriver({
          socketPath: engineSocket,
          clock: realClock,
          logger: silentLogger,
          outputDir: path.join(folder, 'output'),
          allowMounts: [folder],
        }),
      spec(kind, key) {
        if (kind === 'no-such-command') return shell('', { command: ['/no/such/command'] })
        if (kind !== 'leave-mark') return shell(shellScripts[kind])
        const mounts = [{ source: folder, target: '/marks' }]
        return shell(`echo mark >> /marks/${key.taskId}; echo ready; exec sleep 300`, { mounts })
      },
      async runsOf(key) {
        const marks = await readFile(path.join(folder, key.taskId), 'utf8').catch(() => '')
        return marks.split('\n').length - 1
      },
    },
  )
})
