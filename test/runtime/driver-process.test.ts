import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { driverConformance, shellScripts } from '../../runtime/conformance/driver.ts'
import { ProcessWorkshop } from './process-fixture.ts'

const workshop = new ProcessWorkshop()
const dir = workshop.dir()
const marks = join(workshop.base, 'marks')
afterAll(() => workshop.clear())

driverConformance(
  { test, expect },
  {
    open: () => workshop.create(dir),
    spec: (kind, key) => {
      if (kind === 'no-such-command') return { driver: 'process', command: ['no-such-command-anywhere'] }
      const mark = `echo ${key.taskId} >> ${marks}; echo ready; exec sleep 300`
      return { driver: 'process', command: ['/bin/sh', '-c', kind === 'leave-mark' ? mark : shellScripts[kind]] }
    },
    runsOf: ({ taskId }) => {
      if (!existsSync(marks)) appendFileSync(marks, '')
      return readFileSync(marks, 'utf8')
        .split('\n')
        .filter((line) => line === taskId).length
    },
  },
)
