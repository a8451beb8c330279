/** Everything there is, against one manager, from one kind of peer: 50,000 frames and more. */
import { expect } from 'vitest'
import { type Attack, fire, type Role, type Shot, shotOf } from './attack.ts'
import { brokenFraming, brokenPayloads, oddFraming, spoiledPayloads } from './bytes.ts'
import { type CasesOptions, casesOf, chancesOf, type Schemas, targets } from './cases.ts'
import { Dice } from './dice.ts'
import { heapUsed } from './memory.ts'
import { keywordsOf, nameOf, namesIn } from './schema.ts'
import type { Protocol } from './wire.ts'
import type { World } from './world.ts'

export const protocols: readonly Protocol[] = ['troupe.v1.msgpack', 'troupe.v1.json']

export interface Siege {
  readonly world: World
  /** Of the messages that come behind a Hello. */
  readonly schemas: Schemas
  readonly role: (number: number) => Role
  /** Types that are not known are passed over. */
  readonly lenient: boolean
  readonly prepare?: CasesOptions['prepare']
  /** Frames of chance, in each format. */
  readonly chances: number
  /** Good frames that mean nothing where they stand, in each format. */
  readonly idle: (protocol: Protocol, dice: Dice) => Iterable<Shot>
}

const seed = Number(process.env.TROUPE_HOSTILE_SEED ?? 1)
/** How much more heap may be in use at the end, in bytes: code that was compiled meanwhile, and an honest client's tasks. */
const heapGrowthMax = 32 * 1_024 * 1_024

const placesOf = (schemas: Schemas): string[] => [
  ...new Set([...targets(schemas)].map(({ type, place }) => `${type}${nameOf(place.path)}`)),
]

/** Every place of every message is found in its schema: a new one is spoiled without anybody's doing. */
export function expectAllPlaces(schemas: Schemas): void {
  const known = Object.entries(schemas).flatMap(([type, schema]) => namesIn(keywordsOf(schema), type))
  expect(placesOf(schemas).sort()).toEqual([...new Set(known)].sort())
}

/** Answers how many frames were spoiled by a schema, and how many otherwise. Throws with the seed and the frame. */
export async function besiege(siege: Siege): Promise<{ readonly spoiled: number; readonly others: number }> {
  const counts = { spoiled: 0, others: 0 }
  let heapBefore = 0
  for (const protocol of protocols) {
    const { world, role } = siege
    const attack: Attack = { world, protocol, role }
    try {
      counts.spoiled += await fire(attack, spoiledOf(siege, protocol))
      // What is only compiled or laid out once is no growth.
      heapBefore ||= await heapUsed()
      counts.spoiled += await fire(attack, chanceOf(siege, protocol))
      counts.others += await fire(attack, othersOf(siege, protocol))
    } catch (error) {
      throw new Error(`TROUPE_HOSTILE_SEED=${seed}: ${(error as Error).message}`)
    }
  }
  expect((await heapUsed()) - heapBefore).toBeLessThan(heapGrowthMax)
  return counts
}

const optionsOf = ({ schemas, lenient, prepare }: Siege, protocol: Protocol): CasesOptions => ({
  ...{ schemas, protocol, lenient },
  ...(prepare === undefined ? {} : { prepare }),
})

function* spoiledOf(siege: Siege, protocol: Protocol): Generator<Shot> {
  const ways = new Map<string, number>()
  // A connection for each takes its time: behind the door both formats are the same, so the second tries half of the ways.
  const step = protocol === protocols[0] ? 1 : 2
  let number = 0
  for (const one of casesOf(optionsOf(siege, protocol))) {
    number += 1
    if (number % step !== 0) continue
    const place = `${one.type}${nameOf(one.path)}`
    ways.set(place, (ways.get(place) ?? 0) + 1)
    if (one.mutation.fatal === true && one.fate === 'taken') throw new Error(`${one.name}, and nobody minds`)
    yield shotOf(protocol, one)
  }
  // Every message times every field, each in many ways.
  expect([...ways.keys()].sort()).toEqual(placesOf(siege.schemas).sort())
  expect([...ways].filter(([, count]) => count < 10 / step)).toEqual([])
}

function* chanceOf(siege: Siege, protocol: Protocol): Generator<Shot> {
  for (const one of chancesOf(optionsOf(siege, protocol), new Dice(seed), siege.chances)) yield shotOf(protocol, one)
}

function* othersOf(siege: Siege, protocol: Protocol): Generator<Shot> {
  const dice = new Dice(seed + 1)
  let req = 2 ** 41
  yield* brokenPayloads(protocol)
  yield* brokenFraming(protocol)
  yield* spoiledPayloads(protocol, dice, 500)
  if (!siege.lenient) yield* oddFraming(protocol, () => ++req)
  yield* siege.idle(protocol, dice)
}

/** Whoever is honest has noticed nothing, and the manager's log is short. */
export async function expectPeace({ witness, failures, details, lines }: World): Promise<void> {
  // The manager goes on, after all of it.
  const enough = witness.seenThrough + 20
  const deadline = performance.now() + 30_000
  while (witness.seenThrough < enough && performance.now() < deadline) await new Promise((go) => setTimeout(go, 20))
  expect(witness.complaints).toEqual([])
  expect(witness.seenThrough).toBeGreaterThanOrEqual(enough)
  expect(failures).toEqual([])
  expect(details).toEqual([])
  expect(lines).toBeLessThan(1_000)
}
