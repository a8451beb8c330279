/** What is kept of the output of removed attempts, in the folder `output/<cluster>/`: which of it goes, and how. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { OutputRetention } from '../../options.ts'
import { KeptOutput, keptFilesIn } from '../kept-output.ts'
import { type AttemptFolder, streams } from './folder.ts'

/** One attempt's name among what is kept. */
export const keptName = (folder: AttemptFolder, clusterId: string): string =>
  `${encodeURIComponent(clusterId)}/${folder.name}`

/** Of the driver's folder `dir`. */
export function createKeptOutput(dir: string, retention: OutputRetention): KeptOutput {
  const output = join(dir, 'output')
  return new KeptOutput({
    retention,
    nowMs: () => Date.now(),
    async *find() {
      const clusters = await readdir(output).catch(() => [])
      for (const cluster of clusters) {
        yield* keptFilesIn(join(output, cluster), (file) => {
          // What says how much came before a file goes with that file, and so does one that was never finished.
          const name = /^(.+)\.(?:stdout|stderr)(?:\.new)?$/.exec(file)?.[1]
          return name === undefined ? undefined : `${cluster}/${name}`
        })
      }
    },
    async remove(name) {
      for (const stream of streams) {
        for (const end of ['', '.from', '.new']) await rm(`${join(output, name)}.${stream}${end}`, { force: true })
      }
    },
  })
}
