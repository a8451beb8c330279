/** The engine's streams of news: one JSON object a line. */

/** A longer line is none of the engine's, in characters. */
const lineCharsMax = 1_024 * 1_024

/** Each line as an object; what is no JSON is passed over, for a cut connection ends in half a line. */
export async function* jsonLines<T>(source: AsyncIterable<Uint8Array>): AsyncGenerator<T, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const block of source) {
    rest += decoder.decode(block, { stream: true })
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > lineCharsMax) throw new Error(`the engine sent a line of more than ${lineCharsMax} characters`)
    for (const line of lines) {
      const value = parse<T>(line)
      if (value !== undefined) yield value
    }
  }
}

function parse<T>(line: string): T | undefined {
  if (line.trim() === '') return undefined
  try {
    return JSON.parse(line) as T
  } catch {
    return undefined
  }
}
