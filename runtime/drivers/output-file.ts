/**
 * The output of one attempt as a file: frames of 8 bytes (1 = stdout, 2 = stderr; three zeros; the length, big-endian)
 * and their bytes. It is the framing of Docker's log stream, so that one decoder reads both the engine and the file.
 */
import { open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { type AttemptKey, attemptName } from '../../actors/model.ts'
import type { DriverChunk } from './driver.ts'

const frameHeaderBytes = 8
/** The largest chunk that `logs` of any driver yields, in bytes. */
export const chunkBytesMax = 16 * 1_024
/** A longer frame means that the source is not framed at all. The engine's are at most 16 KiB and a time stamp. */
const frameBytesMax = 1_024 * 1_024
/** How much of the file is read and written at once, in bytes. */
const blockBytes = 64 * 1_024

/** Where the output of an attempt is kept: `<taskId>.<attempt>.log` in `directory`. */
export const outputPath = (directory: string, key: AttemptKey): string =>
  path.join(directory, `${attemptName(key)}.log`)

/** The source holds what cannot be read as output, now or ever. */
export class OutputUnreadable extends Error {}

/** One frame, ready to be written. */
export function encodeFrame(chunk: DriverChunk): Buffer {
  const frame = Buffer.alloc(frameHeaderBytes + chunk.data.length)
  frame[0] = chunk.stream === 'stdout' ? 1 : 2
  frame.writeUInt32BE(chunk.data.length, 4)
  frame.set(chunk.data, frameHeaderBytes)
  return frame
}

/**
 * Cuts a byte stream into whole frames. A last frame that was cut short is dropped, for it is what a crash of the
 * writer leaves. Throws on bytes that are no frames, and with the engine's words on its own error frame (3).
 */
export async function* decodeFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<DriverChunk, void, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const block of source) {
    rest = rest.length === 0 ? Buffer.from(block) : Buffer.concat([rest, block])
    let at = 0
    while (rest.length - at >= frameHeaderBytes) {
      const stream = rest[at] as number
      const length = rest.readUInt32BE(at + 4)
      if (stream > 3 || length > frameBytesMax) throw new OutputUnreadable('it is not framed')
      const end = at + frameHeaderBytes + length
      if (rest.length < end) break
      const data = rest.subarray(at + frameHeaderBytes, end)
      if (stream === 3) throw new OutputUnreadable(data.toString('utf8').trim())
      yield { stream: stream === 2 ? 'stderr' : 'stdout', data }
      at = end
    }
    rest = rest.subarray(at)
  }
}

/** The same chunks, none larger than `chunkBytesMax`. */
export function* splitChunk(chunk: DriverChunk): Generator<DriverChunk, void, undefined> {
  for (let at = 0; at < chunk.data.length; at += chunkBytesMax) {
    yield { stream: chunk.stream, data: chunk.data.subarray(at, at + chunkBytesMax) }
  }
}

/** Whether an attempt's output was saved already. */
export async function outputExists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  )
}

/** Removes what a crash in the middle of `saveOutput` left. */
export async function removeUnfinishedOutput(file: string): Promise<void> {
  await rm(`${file}.tmp`, { force: true })
}

/**
 * Writes the output as one file that appears all at once (tmp + rename), so that a file is whole whenever it exists.
 * Of more than `bytesMax` bytes of output the oldest frames are cut. The file is not synced: a crash of this process
 * loses nothing, and output is not among the things that Troupe promises to keep through a crash of the machine.
 */
export async function saveOutput(
  file: string,
  chunks: AsyncIterable<DriverChunk>,
  options: { readonly bytesMax: number },
): Promise<void> {
  const unfinished = `${file}.tmp`
  const handle = await open(unfinished, 'w', 0o600)
  try {
    let block: Buffer[] = []
    let pending = 0
    for await (const chunk of chunks) {
      const frame = encodeFrame(chunk)
      block.push(frame)
      pending += frame.length
      if (pending < blockBytes) continue
      await handle.write(Buffer.concat(block))
      block = []
      pending = 0
    }
    if (pending > 0) await handle.write(Buffer.concat(block))
  } finally {
    await handle.close()
  }
  await cutOldest(unfinished, options.bytesMax)
  await rename(unfinished, file)
}

/** Drops frames from the front until at most `bytesMax` bytes of output are left. */
async function cutOldest(file: string, bytesMax: number): Promise<void> {
  const { size } = await stat(file)
  if (size <= bytesMax) return
  let total = 0
  for await (const chunk of readFrames(file)) total += chunk.data.length
  let surplus = total - bytesMax
  if (surplus <= 0) return
  const cut = `${file}.cut`
  const handle = await open(cut, 'w', 0o600)
  try {
    for await (const chunk of readFrames(file)) {
      if (surplus > 0) surplus -= chunk.data.length
      else await handle.write(encodeFrame(chunk))
    }
  } finally {
    await handle.close()
  }
  await rename(cut, file)
}

async function* readFrames(file: string): AsyncGenerator<DriverChunk, void, undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return
  try {
    yield* decodeFrames(handle.createReadStream({ autoClose: false, highWaterMark: blockBytes }))
  } finally {
    await handle.close()
  }
}

/**
 * Reads a saved output, oldest first, in chunks of at most `chunkBytesMax`; nothing if there is no such file.
 * `skipBytes` leaves out that many bytes of output at the front: what the reader has already seen from the engine.
 */
export async function* readOutput(
  file: string,
  options: { readonly signal: AbortSignal; readonly skipBytes?: number },
): AsyncGenerator<DriverChunk, void, undefined> {
  let skip = options.skipBytes ?? 0
  for await (const frame of readFrames(file)) {
    const skipped = Math.min(skip, frame.data.length)
    skip -= skipped
    for (const chunk of splitChunk({ stream: frame.stream, data: frame.data.subarray(skipped) })) {
      if (options.signal.aborted) return
      yield chunk
    }
  }
}
