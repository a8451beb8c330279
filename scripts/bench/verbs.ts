/** What a process of a bench can be asked by the one that started it, over the channel between them. */
type Verbs = Readonly<Record<string, (argument: never) => unknown>>

export interface Asked {
  readonly id: number
  readonly verb: string
  readonly argument: unknown
}

export interface Answered {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** The id of what says that a process hears. */
export const readyId = 0

/** Answers until its parent is gone, and ends then. */
export function answer(verbs: Verbs): void {
  process.on('message', async ({ id, verb, argument }: Asked) => {
    const reply = (answered: Answered) => process.send?.(answered)
    try {
      const act = verbs[verb] as ((argument: unknown) => unknown) | undefined
      if (act === undefined) throw new Error(`there is no verb ${verb} here`)
      reply({ id, value: await act(argument) })
    } catch (error) {
      reply({ id, error: (error as Error).stack ?? String(error) })
    }
  })
  process.on('disconnect', () => process.exit(0))
  // Not before it hears: what is sent earlier may be lost.
  process.send?.({ id: readyId })
}

/** Milliseconds of a clock that all processes of a machine share, to the microsecond. */
export function sharedNowMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000 + nanoseconds / 1e6
}
