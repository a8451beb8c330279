/**
 * The fullest node that still has room, so that others stay empty for large tasks, or can be sent home. The formula is
 * Google's BestFit v3, as Nomad uses it (`nomad/structs/funcs.go`, `ScoreFitBinPack`): 10^(share of cpu left free) +
 * 10^(share of memory left free), from 2 for a node that would be full to 20 for one that would be empty. A node that would
 * have much of one and little of the other costs more than one that would have the same of both together evenly.
 */
import type { Scheduler } from './scheduler.ts'

/** What is left of `total`, as a share of it, once `asked` is reserved as well. */
const free = (reserved: number, asked: number, total: number): number =>
  total <= 0 ? 0 : 1 - (reserved + asked) / total

/** Packs: takes the node that would be the fullest, by what is reserved. */
export const binpack: Scheduler<null> = {
  name: 'binpack',
  initial: null,
  score: ({ reserved: asked }, { reserved, offered }) =>
    10 ** free(reserved.cpus, asked.cpus, offered.cpus) +
    10 ** free(reserved.memoryBytes, asked.memoryBytes, offered.memoryBytes),
  picked: () => null,
}
