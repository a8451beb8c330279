/** How much of this process's heap is in use, once all that is garbage has been taken away. */
import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** In bytes. A few rounds, for what ends with a connection is let go of in later turns. */
export async function heapUsed(): Promise<number> {
  for (let round = 0; round < 4; round += 1) {
    await wait(50)
    collect()
  }
  return process.memoryUsage().heapUsed
}
