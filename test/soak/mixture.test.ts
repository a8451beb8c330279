/** All that can be done to two workers and their manager, in a seeded order, under load. */
import { expect, test } from 'vitest'
import { createDice } from '../e2e/dice.ts'
import { FaultWorld } from '../e2e/fault-world.ts'
import { pause } from '../e2e/kills.ts'
import { report, soak } from './figures.ts'
import { beginLoad } from './load.ts'

const faultsCount = 20 * soak.times

type Fault = (world: FaultWorld, roll: () => number) => Promise<unknown>

const halt = async (program: { child: { kill(signal: NodeJS.Signals): boolean } }, ms: number) => {
  program.child.kill('SIGSTOP')
  await pause(ms)
  program.child.kill('SIGCONT')
}
const worker = (roll: () => number) => (roll() < 0.5 ? 'one' : 'two')

const faults: Readonly<Record<string, Fault>> = {
  'kill the manager': (world) => world.restartManager(),
  'kill a worker': (world, roll) => world.restartWorker(worker(roll)),
  'kill both': (world, roll) => Promise.all([world.restartManager(), world.restartWorker(worker(roll))]),
  'halt a worker': (world, roll) => halt(world.worker(worker(roll)), 14_000 * roll()),
  'halt the manager': (world, roll) => halt(world.manager, 14_000 * roll()),
}

test('two workers and a manager, killed and halted in turn under load', () =>
  FaultWorld.with(async (world) => {
    await world.startAll()
    await world.startWorker('two', ['--driver', 'process'])
    await world.ready(2)
    const roll = createDice(soak.seed)
    const endLoad = beginLoad(world, roll, 200)
    const done = new Map<string, number>()
    const names = Object.keys(faults)
    for (let at = 0; at < faultsCount; at += 1) {
      await pause(1_500 * roll())
      const name = names[Math.floor(roll() * names.length)] as string
      await faults[name]?.(world, roll)
      done.set(name, (done.get(name) ?? 0) + 1)
    }
    const tasks = await endLoad()
    await world.expectAllUnharmed(120_000)
    expect(done.size).toBeGreaterThan(2)
    const counts = [...done].map(([name, count]) => `${name} ${count}`).join(', ')
    report(`seed ${soak.seed}: ${counts}`, `${tasks} tasks on two workers, each once and with its own code`)
  }))
