/** What fits a schema comes out as it went in: through both codecs, and a specification through a manager. */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TaskSpec as Spec, TaskSpec } from '../../actors/model.ts'
import { checkSpec } from '../../actors/policies.ts'
import { clientMessages, clientReplies } from '../../actors/protocol/client.ts'
import { managerMessages, workerMessages } from '../../actors/protocol/session.ts'
import { Rig } from '../runtime/manager-rig.ts'
import { Dice } from './dice.ts'
import { codecOf } from './peer.ts'
import { chance, keywordsOf } from './schema.ts'
import { protocols } from './siege.ts'

let rig: Rig

beforeEach(async () => {
  rig = await Rig.start()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

const schemas = { ...clientMessages, ...clientReplies, ...managerMessages, ...workerMessages }

test.each(Object.entries(schemas))('%s is the same behind both codecs', (_, schema) => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const frame = { m: [chance(keywordsOf(schema), new Dice(seed))] }
      for (const protocol of protocols) {
        const codec = codecOf(protocol)
        const bytes = codec.encode(frame)
        expect(codec.decode(bytes)).toEqual(frame)
        expect(codec.encode(codec.decode(bytes))).toEqual(bytes)
      }
    }),
    { numRuns: 40 },
  )
})

/** A specification that a manager takes; most of those that fit the schema contradict themselves somewhere. */
function specOf(seed: number): Spec {
  const dice = new Dice(seed)
  for (;;) {
    const spec = chance(keywordsOf(TaskSpec), dice) as Spec
    // What contradicts something else is left out.
    const {
      health: _health,
      ports: _ports,
      mounts: _mounts,
      tmpfs: _tmpfs,
      disconnect: _disconnect,
      secretEnv: _secret,
      ...plain
    } = spec
    const ready = [spec, plain, { ...plain, driver: 'own' }].find((one) => checkSpec(one) === undefined)
    if (ready !== undefined) return ready
  }
}

test('a specification is explained as it was submitted, also after a restart', async () => {
  const specs = new Map(Array.from({ length: 150 }, (_, seed) => [`task-${seed}`, specOf(seed)] as const))
  const client = await rig.client()
  for (const [id, spec] of specs) expect((await client.submit(id, spec)).existing, `seed ${id}`).toBe(false)
  for (const [id, spec] of specs) expect(shown((await client.explain(id)).spec), `seed ${id}`).toEqual(shown(spec))
  await rig.restart()
  const again = await rig.client()
  for (const [id, spec] of specs) {
    expect(shown((await again.explain(id)).spec), `seed ${id}`).toEqual(shown(spec))
    expect((await again.submit(id, spec)).existing, `seed ${id}`).toBe(true)
  }
}, 60_000)

/** Secrets are shown to nobody. */
const shown = ({ secretEnv, ...spec }: Spec): unknown => ({ ...spec, secretEnv: secretEnv && Object.keys(secretEnv) })
