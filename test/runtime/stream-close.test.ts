/** A subscription that ends in the midst of its past lets go of it, whatever that says. */
import { afterEach, expect, test } from 'vitest'
import type { ClientReply } from '../../actors/protocol/client.ts'
import type { Channel } from '../../runtime/host/channel.ts'
import { streamLimits } from '../../runtime/manager/stream/limits.ts'
import { Match } from '../../runtime/manager/stream/match.ts'
import { Recent } from '../../runtime/manager/stream/news.ts'
import { Outlet } from '../../runtime/manager/stream/outlet.ts'
import { type Pages, Subscriber } from '../../runtime/manager/stream/subscriber.ts'
import { Trims } from '../../runtime/manager/trims.ts'

const unhandled: unknown[] = []
const onUnhandled = (reason: unknown) => unhandled.push(reason)
afterEach(() => void process.off('unhandledRejection', onUnhandled))

class Torn extends Subscriber {
  cleanups = 0
  pages = 0
  protected override readonly empty: { tasks: [] } = { tasks: [] }
  protected override piecesOf(): [] {
    return []
  }
  protected override resetReason(): undefined {
    return undefined
  }
  protected override missed(): Pages {
    return this.snapshot()
  }
  protected override async *snapshot(): Pages {
    try {
      for (;;) {
        this.pages += 1
        yield
        await new Promise((resolve) => setImmediate(resolve))
      }
    } finally {
      this.cleanups += 1
      // biome-ignore lint/correctness/noUnsafeFinally: an iterator of a store that cannot be closed does just this.
      throw new Error('the iterator could not be closed')
    }
  }
}

test('a past that cannot be let go of is of no concern once its reader is gone', async () => {
  process.on('unhandledRejection', onUnhandled)
  const errors: unknown[] = []
  const channel = { held: false, send: () => {} } as unknown as Channel<ClientReply>
  const subscriber = new Torn({
    req: 1,
    match: new Match({}, undefined, []),
    source: {
      logId: 'log-1',
      recent: new Recent(0, streamLimits),
      limits: streamLimits,
      trims: new Trims(),
      published: () => 0,
    },
    outlet: new Outlet(channel, streamLimits.streamPageBytes),
    onError: (error) => errors.push(error),
  })
  subscriber.beginWithSnapshot()
  await expect.poll(() => subscriber.pages, { timeout: 20_000 }).toBeGreaterThan(2)
  subscriber.close()
  await expect.poll(() => subscriber.cleanups, { timeout: 20_000 }).toBe(1)
  // Rejections without a handler are told once all microtasks have run.
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  expect({ unhandled, errors }).toEqual({ unhandled: [], errors: [] })
})
