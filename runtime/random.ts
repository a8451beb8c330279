/** Chance, as everything in Troupe sees it: a port, so that a simulation can seed it. */
export interface Random {
  /** Evenly spread in [0, 1). */
  roll(): number
  /** `chars` random characters of a-z2-7 (5 bits each), unguessable outside a simulation. */
  id(chars: number): string
}
