/** A task's output on the terminal: its own streams on ours, and one note wherever a part of it is gone. */
import type { OutputPiece } from '../client/output.ts'
import type { Output } from './output.ts'
import { formatSize } from './size.ts'

/** Resolves when more may be written. */
export async function writePiece(output: Output, { stream, data, lostBytes }: OutputPiece): Promise<void> {
  if (lostBytes !== undefined) output.note(gapText(stream, lostBytes))
  if (data.byteLength > 0) await output.write(stream, data)
}

function gapText(stream: OutputPiece['stream'], lostBytes: number): string {
  const why = `its worker keeps only the newest part of a task's output`
  if (lostBytes === 0) return `troupe: a part of ${stream} may be missing here, or come twice: ${why}`
  return `troupe: ${formatSize(lostBytes)} of ${stream} are missing here: ${why}`
}
