/** Bare dockerode, as one would write it by hand, and an ear for what the engine says of Troupe's containers. */
import Docker from 'dockerode'
import { type Counts, Histogram } from './histogram.ts'
import { answer } from './verbs.ts'

const docker = new Docker()

async function live(image: string, command: readonly string[]): Promise<void> {
  const container = await docker.createContainer({ Image: image, Cmd: [...command] })
  await container.start()
  await container.wait()
  await container.remove()
}

interface Event {
  readonly Action: string
  readonly id: string
}

/** Calls back for each event of the containers that the filters name, until the process ends. */
async function hear(filters: Record<string, string[]>, onEvent: (event: Event) => void): Promise<void> {
  const stream = await docker.getEvents({ filters: { type: ['container'], ...filters } })
  let rest = ''
  stream.on('data', (block: Buffer) => {
    const lines = (rest + block.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') onEvent(JSON.parse(line) as Event)
  })
}

let destroyed = 0
let onDestroyed = () => {}
const started = new Map<string, (atMs: number) => void>()

answer({
  /** Why nothing can be measured here; undefined if it can. */
  async missing(image: string): Promise<string | undefined> {
    try {
      await docker.ping()
    } catch (error) {
      return `no Docker engine answers (${(error as Error).message})`
    }
    const isThere = await docker
      .getImage(image)
      .inspect()
      .catch(() => undefined)
    return isThere === undefined ? `the engine has no image ${image}; ./scripts/test makes it` : undefined
  },
  async open() {
    await hear({ event: ['destroy'], label: ['troupe.task'] }, () => {
      destroyed += 1
      onDestroyed()
    })
    await hear({ event: ['start'] }, ({ id }) => started.get(id)?.(performance.now()))
  },
  /** Resolves once so many containers of Troupe were removed since the beginning. */
  untilDestroyed: (count: number) =>
    new Promise<void>((resolve) => {
      onDestroyed = () => destroyed >= count && resolve()
      onDestroyed()
    }),
  /** So many whole lives, so many at once; resolves with the milliseconds that they took together. */
  async lives({
    image,
    command,
    count,
    inFlight,
  }: {
    image: string
    command: string[]
    count: number
    inFlight: number
  }) {
    let left = count
    const loop = async () => {
      for (; left > 0; ) {
        left -= 1
        await live(image, command)
      }
    }
    const beganMs = performance.now()
    await Promise.all(Array.from({ length: inFlight }, loop))
    return performance.now() - beganMs
  },
  /** From asking for it to the engine's event that it was started, one after the other. */
  async starts({ image, command, count }: { image: string; command: string[]; count: number }): Promise<Counts> {
    const spans = new Histogram()
    for (let made = 0; made < count; made += 1) {
      const beganMs = performance.now()
      const container = await docker.createContainer({ Image: image, Cmd: command })
      const isStarted = new Promise<number>((resolve) => started.set(container.id, resolve))
      await container.start()
      spans.add((await isStarted) - beganMs)
      started.delete(container.id)
      await container.remove({ force: true })
    }
    return spans.counts()
  },
})
