/** ELK, the engine that finds the places. It is a megabyte and a half, so it is loaded when first asked for. */
import type { ELK } from 'elkjs/lib/elk-api.js'

/** What is asked of an engine; a page may put one in a worker of its own. */
export type LayoutEngine = Pick<ELK, 'layout'>

/** An engine that works in the thread of its caller. */
export async function loadEngine(): Promise<LayoutEngine> {
  const loaded = await import('elkjs/lib/elk.bundled.js')
  // A module of CommonJS: how deep its class lies depends on who loads it.
  const outer = loaded.default as unknown as { default?: new () => LayoutEngine }
  const Engine = outer.default ?? (loaded.default as unknown as new () => LayoutEngine)
  return new Engine()
}

/** An engine that works in a worker of the page's, which `openWorker` opens: it holds nobody up. */
export async function loadEngineIn(openWorker: (url?: string) => object): Promise<LayoutEngine> {
  const loaded = await import('elkjs/lib/elk-api.js')
  const outer = loaded.default as unknown as { default?: EngineInWorker }
  const Engine = outer.default ?? (loaded.default as unknown as EngineInWorker)
  return new Engine({ workerFactory: openWorker })
}

type EngineInWorker = new (options: { workerFactory: (url?: string) => object }) => LayoutEngine
