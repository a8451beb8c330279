/** Which of five colours a state bears: a task's five states have one each, and what means the same elsewhere shares it. */
export const tones = ['pending', 'scheduled', 'running', 'completed', 'failed'] as const
export type Tone = (typeof tones)[number]

const words: Readonly<Record<Tone, readonly string[]>> = {
  pending: ['pending', 'idle', 'unknown', 'waiting', 'queued', 'backingoff', 'suspect', 'draining'],
  scheduled: ['scheduled', 'starting', 'pulling', 'connecting', 'greeting', 'recovering', 'deciding'],
  running: ['running', 'serving', 'ready', 'established', 'open'],
  completed: ['completed', 'ended', 'stopped', 'removed', 'done', 'succeeded'],
  failed: ['failed', 'down', 'rejected', 'error'],
}
const toneOfWord = new Map(tones.flatMap((tone) => words[tone].map((word) => [word, tone] as const)))

/** The tone of the outermost state on the path whose name says one. */
export function toneOf(path: readonly string[]): Tone | undefined {
  for (const key of path) {
    const tone = toneOfWord.get(key.toLowerCase())
    if (tone !== undefined) return tone
  }
  return undefined
}
