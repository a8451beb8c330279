/**
 * The output of one attempt as a file: frames of 8 bytes (1 = stdout, 2 = stderr; three zeros; the length, big-endian)
 * and their bytes. It is the framing of Docker's log stream, so that one decoder reads both the engine and the file. In
 * the file alone the first of the zeros may be a one: then the bytes are the number of those that were cut there.
 */
import { open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { type AttemptKey, attemptName } from '../../actors/model.ts'
import type { DriverChunk } from './driver.ts'

const frameHeaderBytes = 8
/** The second byte of a frame that counts what was cut. */
const gapMark = 1
/** The largest chunk that `logs` of any driver yields, in bytes. */
export const chunkBytesMax = 16 * 1_024
/** Up to so many bytes of short chunks are joined into one: what a worker puts into one message. */
const joinedBytesMax = 15 * 1_024
/** A longer frame means that the source is not framed at all. The engine's are at most 16 KiB and a time stamp. */
const frameBytesMax = 1_024 * 1_024
/** How much of the file is read and written at once, in bytes. */
const blockBytes = 64 * 1_024

/** Where the output of an attempt is kept: `<taskId>.<attempt>.log` in `directory`. */
export const outputPath = (directory: string, key: AttemptKey): string =>
  path.join(directory, `${attemptName(key)}.log`)

/** The source holds what cannot be read as output, now or ever. */
export class OutputUnreadable extends Error {}

/** One frame, ready to be written; of a chunk that follows on a gap, two. */
export function encodeFrame(chunk: DriverChunk): Buffer {
  const data = frameOf(chunk.stream, chunk.data)
  if (chunk.lostBytes === undefined) return data
  const count = Buffer.alloc(8)
  count.writeBigUInt64BE(BigInt(chunk.lostBytes))
  const gap = frameOf(chunk.stream, count)
  gap[1] = gapMark
  return chunk.data.length === 0 ? gap : Buffer.concat([gap, data])
}

function frameOf(stream: DriverChunk['stream'], data: Uint8Array): Buffer {
  const frame = Buffer.alloc(frameHeaderBytes + data.length)
  frame[0] = stream === 'stdout' ? 1 : 2
  frame.writeUInt32BE(data.length, 4)
  frame.set(data, frameHeaderBytes)
  return frame
}

/** Cuts a byte stream into whole frames; see `decodeBlocks`. */
export async function* decodeFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<DriverChunk, void, undefined> {
  for await (const frames of decodeBlocks(source)) yield* frames
}

/**
 * Cuts a byte stream into whole frames, and yields those together that came together. A last frame that was cut short is dropped, for it is what a crash of the
 * writer leaves. Throws on bytes that are no frames, and with the engine's words on its own error frame (3).
 */
export async function* decodeBlocks(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly DriverChunk[], void, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const block of source) {
    rest = rest.length === 0 ? Buffer.from(block) : Buffer.concat([rest, block])
    const frames: DriverChunk[] = []
    let at = 0
    let unreadable: OutputUnreadable | undefined
    while (unreadable === undefined && rest.length - at >= frameHeaderBytes) {
      const stream = rest[at] as number
      const length = rest.readUInt32BE(at + 4)
      if (stream > 3 || length > frameBytesMax) unreadable = new OutputUnreadable('it is not framed')
      const end = at + frameHeaderBytes + length
      if (unreadable !== undefined || rest.length < end) break
      const data = rest.subarray(at + frameHeaderBytes, end)
      const name = stream === 2 ? 'stderr' : 'stdout'
      if (stream === 3) unreadable = new OutputUnreadable(data.toString('utf8').trim())
      else if (rest[at + 1] !== gapMark) frames.push({ stream: name, data })
      else frames.push({ stream: name, data: new Uint8Array(0), lostBytes: Number(data.readBigUInt64BE()) })
      at = end
    }
    // What can be read comes first.
    if (frames.length > 0) yield frames
    if (unreadable !== undefined) throw unreadable
    rest = rest.subarray(at)
  }
}

/** The same bytes in the same order, neighbours of one stream joined; none larger than `chunkBytesMax`. */
export function* joinChunks(chunks: Iterable<DriverChunk>): Generator<DriverChunk, void, undefined> {
  let parts: DriverChunk[] = []
  let bytes = 0
  const join = (): Iterable<DriverChunk> => {
    const [first, second] = parts
    if (first === undefined) return []
    const data = second === undefined ? first.data : Buffer.concat(parts.map((part) => part.data))
    parts = []
    bytes = 0
    return splitChunk({ ...first, data })
  }
  for (const chunk of chunks) {
    // What is missing is told before the bytes that follow on it.
    const fits = chunk.stream === parts[0]?.stream && bytes + chunk.data.length <= joinedBytesMax
    if (!fits || chunk.lostBytes !== undefined) yield* join()
    parts.push(chunk)
    bytes += chunk.data.length
  }
  yield* join()
}

/** The same chunks, none larger than `chunkBytesMax`. */
export function* splitChunk({ stream, data, lostBytes }: DriverChunk): Generator<DriverChunk, void, undefined> {
  if (lostBytes !== undefined) yield { stream, data: data.subarray(0, chunkBytesMax), lostBytes }
  for (let at = lostBytes === undefined ? 0 : chunkBytesMax; at < data.length; at += chunkBytesMax) {
    yield { stream, data: data.subarray(at, at + chunkBytesMax) }
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
  for (const end of ['.tmp', '.tmp.cut']) await rm(`${file}${end}`, { force: true })
}

/**
 * Writes the output as one file that appears all at once (tmp + rename), so that a file is whole whenever it exists.
 * Of more than `bytesMax` bytes of output the oldest frames are cut, and their number is written in their place; the
 * room that it takes meanwhile is bounded as well. The file is not synced: a crash of this process loses nothing, and
 * output is not among the things that Troupe promises to keep through a crash of the machine. Answers how many bytes of
 * output are in it.
 */
export async function saveOutput(
  file: string,
  chunks: AsyncIterable<DriverChunk>,
  options: { readonly bytesMax: number },
): Promise<number> {
  const { bytesMax } = options
  const unfinished = `${file}.tmp`
  let handle = await open(unfinished, 'w', 0o600)
  let block: Buffer[] = []
  let pendingBytes = 0
  let bytes = 0
  const flush = async () => {
    if (pendingBytes > 0) await handle.write(Buffer.concat(block))
    block = []
    pendingBytes = 0
  }
  try {
    for await (const chunk of chunks) {
      const frame = encodeFrame(chunk)
      block.push(frame)
      pendingBytes += frame.length
      bytes += chunk.data.length
      if (pendingBytes < blockBytes) continue
      await flush()
      if (bytes < 2 * bytesMax) continue
      await handle.close()
      bytes = await cutOldest(unfinished, bytesMax)
      handle = await open(unfinished, 'a', 0o600)
    }
    await flush()
  } finally {
    await handle.close()
  }
  if (bytes > bytesMax) bytes = await cutOldest(unfinished, bytesMax)
  await rename(unfinished, file)
  return bytes
}

/** Drops frames from the front until at most `bytesMax` bytes of output are left; answers how many are. */
async function cutOldest(file: string, bytesMax: number): Promise<number> {
  let left = 0
  for await (const chunk of readFrames(file)) left += chunk.data.length
  const lost = new Map<DriverChunk['stream'], number>()
  const cut = `${file}.cut`
  const handle = await open(cut, 'w', 0o600)
  const writeGaps = async () => {
    for (const [stream, lostBytes] of lost)
      await handle.write(encodeFrame({ stream, data: new Uint8Array(0), lostBytes }))
    lost.clear()
  }
  try {
    for await (const { stream, data, lostBytes } of readFrames(file)) {
      if (left > bytesMax || lostBytes !== undefined) {
        left -= data.length
        lost.set(stream, (lost.get(stream) ?? 0) + data.length + (lostBytes ?? 0))
      } else {
        await writeGaps()
        await handle.write(encodeFrame({ stream, data }))
      }
    }
    await writeGaps()
  } finally {
    await handle.close()
  }
  await rename(cut, file)
  return left
}

async function* readFrames(file: string): AsyncGenerator<DriverChunk, void, undefined> {
  for await (const frames of readBlocks(file)) yield* frames
}

async function* readBlocks(file: string): AsyncGenerator<readonly DriverChunk[], void, undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return
  try {
    yield* decodeBlocks(handle.createReadStream({ autoClose: false, highWaterMark: blockBytes }))
  } finally {
    await handle.close()
  }
}

/**
 * Reads a saved output, oldest first, in chunks of at most `chunkBytesMax`; nothing if there is no such file.
 * `skipBytes` leaves out that many bytes of each stream at the front, cut ones included: what the reader has already
 * seen from the engine.
 */
export async function* readOutput(
  file: string,
  options: { readonly signal: AbortSignal; readonly skipBytes?: Readonly<Record<DriverChunk['stream'], number>> },
): AsyncGenerator<DriverChunk, void, undefined> {
  const skip = { stdout: 0, stderr: 0, ...options.skipBytes }
  for await (const frames of readBlocks(file)) {
    const ready = frames.flatMap(({ stream, data, lostBytes = 0 }): DriverChunk[] => {
      const known = Math.min(skip[stream], lostBytes + data.length)
      skip[stream] -= known
      const rest = data.subarray(Math.max(0, known - lostBytes))
      if (known < lostBytes) return [{ stream, data: rest, lostBytes: lostBytes - known }]
      return rest.length === 0 ? [] : [{ stream, data: rest }]
    })
    for (const chunk of joinChunks(ready)) {
      if (options.signal.aborted) return
      yield chunk
    }
  }
}
