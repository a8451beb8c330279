/** The whole id of what a person typed the beginning of: whatever changes something is asked for by the whole id. */
import type { Client } from '../client/client.ts'

/** Rejects with TroupeError `NotFound` or `Ambiguous`. */
export async function wholeId(client: Client, reference: string): Promise<string> {
  const { items } = await client.query({ ids: [reference] })
  return items[0]?.id ?? reference
}
