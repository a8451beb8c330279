/**
 * What a task would rather have of its node, beside what it must have (its constraints). The form is that of Nomad's
 * `affinity`: an expression and a weight, which is negative for what is better avoided.
 */
import { type Static, Type } from 'typebox'
import type { TaskSpec } from './model.ts'
import { type CandidateNode, matches, parseConstraint } from './schedulers/filters.ts'

export const affinityLimits = {
  /** Affinities of one task. */
  affinitiesMax: 16,
  weightMax: 100,
  weightDefault: 50,
} as const

/** A wish of a task about its node; a node that does not fulfil it is still fit. */
export const Affinity = Type.Object({
  /** `label=value` or `label!=value`, as of a constraint, against the node's labels; `node` is a label every node has. */
  expression: Type.String({ pattern: '^[^=!\\s]+!?=.*$', maxLength: 512 }),
  /**
   * How much it counts for a node that it holds of, as a percentage of the difference in cost between the cheapest and the
   * dearest node: -100 to 100, not 0; negative: rather not there. Default 50.
   */
  weight: Type.Optional(Type.Integer({ minimum: -affinityLimits.weightMax, maximum: affinityLimits.weightMax })),
})
export type Affinity = Static<typeof Affinity>

/** What is wrong with a specification's affinities, as one sentence with the next step; undefined if nothing. */
export function faultOfAffinities({ affinities = [] }: TaskSpec): string | undefined {
  const bad = affinities.find(({ expression }) => !parseConstraint(expression))
  if (bad) {
    return `The affinity '${bad.expression}' is neither label=value nor label!=value: write it as one of them.`
  }
  const idle = affinities.find(({ weight }) => weight === 0)
  return (
    idle && `The affinity '${idle.expression}' has the weight 0, which says nothing: give it another, or leave it out.`
  )
}

/** What a node's affinities add up to: the weights of those that hold of it. */
export function affinityOf(affinities: readonly Affinity[]): (node: CandidateNode) => number {
  const wishes = affinities.map(({ expression, weight = affinityLimits.weightDefault }) => ({
    filter: matches(expression),
    weight,
  }))
  return (node) => wishes.reduce((sum, { filter, weight }) => (filter.admits(node) ? sum + weight : sum), 0)
}

/** What a node has to match to be the better for it: the expression, or of a negative weight its contrary. */
export function wishOf({ expression, weight = affinityLimits.weightDefault }: Affinity): string {
  const parsed = parseConstraint(expression)
  if (weight > 0 || parsed === undefined) return expression
  return `${parsed.label}${parsed.equal ? '!=' : '='}${parsed.value}`
}
