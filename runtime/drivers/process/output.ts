/**
 * Keeps the output of tasks bounded. A long output loses its oldest part by a hole in the file: the task goes on
 * appending, offsets stay true, and no byte can be lost in a race as with renaming or copying.
 */
import { execFile } from 'node:child_process'
import { appendFile, mkdir, open, rename, rm, stat, truncate, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { type AttemptFolder, type StreamName, streams } from './folder.ts'

export interface OutputLimits {
  /** What is kept of one stream of one attempt, in bytes; while it runs a quarter more, and what comes in a second. */
  readonly outputBytesMax: number
}

/** Between two looks at how long the output of what runs has grown, in milliseconds. */
export const outputPollMs = 500
/** A hole starts and ends at blocks; this is a multiple of any file system's. */
const holeAlignBytes = 65_536
const copyBytes = 65_536
/** `stat` counts blocks of this many bytes, whatever the file system's own are. */
const statBlockBytes = 512

const run = promisify(execFile)

/** Drops the oldest part of each stream that takes more room than it may. */
export async function boundOutput(folder: AttemptFolder, limits: OutputLimits): Promise<void> {
  for (const stream of streams) {
    const path = folder.output(stream)
    const info = await stat(path).catch(() => undefined)
    if (!info || info.blocks * statBlockBytes <= limits.outputBytesMax * 1.25 + holeAlignBytes) continue
    const from = Math.floor((info.size - limits.outputBytesMax) / holeAlignBytes) * holeAlignBytes
    const before = await folder.readFrom(stream)
    if (from <= before) continue
    // Readers look at this after each read, so it is written before the bytes vanish.
    await folder.writeFrom(stream, from)
    try {
      const hole = ['--punch-hole', '--keep-size', '--offset', String(before), '--length', String(from - before)]
      await run('fallocate', [...hole, path])
    } catch {
      await startOver(folder, stream)
    }
  }
}

/** For file systems that know no holes, and machines without `fallocate`. */
async function startOver(folder: AttemptFolder, stream: StreamName): Promise<void> {
  await truncate(folder.output(stream), 0)
  await folder.writeFrom(stream, 0)
  await appendFile(
    folder.output(stream),
    '[troupe: older output was dropped here; this file system cannot drop only a part]\n',
  )
}

/**
 * Moves the output to where it is kept after the attempt's folder is gone. May be repeated after a crash at any point.
 * Answers how many bytes are kept.
 */
export async function keepOutput(folder: AttemptFolder, clusterId: string, limits: OutputLimits): Promise<number> {
  let bytes = 0
  for (const stream of streams) {
    const path = folder.output(stream)
    const kept = folder.keptOutput(stream, clusterId)
    const info = await stat(path).catch(() => undefined)
    if (!info) continue
    await mkdir(dirname(kept), { recursive: true, mode: 0o700 })
    const holeUntil = await folder.readFrom(stream)
    const from = Math.max(holeUntil, info.size - limits.outputBytesMax)
    bytes += info.size - Math.max(0, from)
    if (from <= 0) {
      // Its age counts from now on, however long ago it was written.
      const now = new Date()
      await utimes(path, now, now)
      await rename(path, kept)
    } else {
      // Before the bytes, so that there is never a part of an output that does not say so.
      await folder.writeKeptFrom(stream, clusterId, from, holeUntil)
      await copyTail(path, kept, from)
      await rm(path)
    }
  }
  return bytes
}

async function copyTail(source: string, target: string, from: number): Promise<void> {
  const input = await open(source, 'r')
  const output = await open(`${target}.new`, 'w', 0o600)
  try {
    const buffer = Buffer.alloc(copyBytes)
    let at = from
    for (;;) {
      const { bytesRead } = await input.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) break
      await output.write(buffer, 0, bytesRead)
      at += bytesRead
    }
  } finally {
    await input.close()
    await output.close()
  }
  await rename(`${target}.new`, target)
}
