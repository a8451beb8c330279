/** What the test's page does, in the browser: it has `connect` of `troupe/browser`, and no more. */
import type { connect as Connect, TaskOutput, TaskSpec } from '../../runtime/browser.ts'

/** What the page has heard of its task so far. */
export interface Heard {
  /** The five states, each as it was entered. */
  readonly states: string[]
  readonly events: { readonly revision: number; readonly type: string }[]
  readonly lines: string[]
  output?: TaskOutput
  failure?: string
}

interface TestPage {
  /** Connects, runs the task and follows it from then on; answers its id. */
  run(url: string, token: string, spec: TaskSpec): Promise<string>
  heard(): Heard
  /** `connected`, or the code and sentence of the refusal. */
  tryConnect(url: string, token: string): Promise<string>
}

export function createPage(connect: typeof Connect): TestPage {
  const heard: Heard = { states: [], events: [], lines: [] }
  const broken = (error: unknown): void => {
    heard.failure = String(error)
  }
  return {
    async run(url, token, spec) {
      const troupe = await connect(url, { token })
      const task = await troupe.run(spec)
      const enter = (state: string) => {
        if (heard.states.at(-1) !== state) heard.states.push(state)
      }
      enter(task.getSnapshot().context.state)
      task.subscribe({ next: ({ context }) => enter(context.state), error: broken })
      const events = async () => {
        for await (const { revision, event } of task.events()) heard.events.push({ revision, type: event.type })
      }
      const lines = async () => {
        for await (const { text } of task.logs({ follow: true })) heard.lines.push(text)
      }
      const output = async () => {
        heard.output = await task.result()
      }
      for (const follow of [events, lines, output]) void follow().catch(broken)
      return task.id
    },
    heard: () => heard,
    async tryConnect(url, token) {
      try {
        await (await connect(url, { token })).close()
        return 'connected'
      } catch (error) {
        return `${(error as { code?: string }).code}: ${(error as Error).message}`
      }
    },
  }
}
