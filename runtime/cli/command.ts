/** What every command is made of. */
import { Command, InvalidArgumentError } from 'commander'
import type { Io } from './io.ts'
import type { Output } from './output.ts'

/** What a command gets to work with. */
export interface Cli {
  readonly io: Io
  readonly output: Output
  /** Set by the command that ran. */
  exitCode: number
}

/** Builds a command; one file each, found in the table of `program.ts`. */
export type BuildCommand = (cli: Cli) => Command

/** A command that behaves as all of ours do. */
export function newCommand(name: string, description: string): Command {
  return new Command(name).description(description).allowExcessArguments(false).showSuggestionAfterError(true)
}

/** Commander's option parser from a parser of ours that throws RangeError with a sentence. */
export const parsing =
  <T>(parse: (text: string) => T) =>
  (text: string): T => {
    try {
      return parse(text)
    } catch (error) {
      if (error instanceof RangeError) throw new InvalidArgumentError(`${error.message}.`)
      throw error
    }
  }

/** For options that may be given more than once. */
export const collect = (text: string, before: readonly string[] = []): string[] => [...before, text]

export function parseWhole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`"${text}" is no whole number`)
  return Number(text)
}

export function parseCpus(text: string): number {
  const cpus = Number(text)
  if (!/^\d*\.?\d+$/.test(text) || !(cpus > 0))
    throw new RangeError(`"${text}" is no number of cores; write for example 0.5 or 2`)
  return cpus
}

/** `key=value` pairs as a record. Throws RangeError. */
export function parsePairs(texts: readonly string[], what: string): Record<string, string> {
  const pairs = texts.map((text) => {
    const at = text.indexOf('=')
    if (at < 1) throw new RangeError(`${what} "${text}" has no value; write key=value`)
    return [text.slice(0, at), text.slice(at + 1)] as const
  })
  // Not by assignment, by which one that is named __proto__ would vanish.
  return Object.fromEntries(pairs)
}
