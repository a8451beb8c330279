/**
 * Variables of a task as people write them: `KEY=VALUE`, or `KEY` alone for the value that it has here. No sentence about
 * them shows a value, or a text that may be one.
 */
import type { TaskSpec } from '../../actors/model.ts'
import { UsageError } from './failure.ts'

export const variableLimits = {
  /** How many are named for people. */
  shownMax: 20,
  /** Of a value, in characters. */
  shownCharsMax: 60,
} as const

type Environment = Readonly<Record<string, string | undefined>>

/** What is written: its name, and its value where that is written, too. */
interface Written {
  readonly name: string
  readonly value: string | undefined
}

function readVariable(text: string): Written {
  const at = text.indexOf('=')
  return at < 0 ? { name: text, value: undefined } : { name: text.slice(0, at), value: text.slice(at + 1) }
}

// What every object has is no variable.
const valueHere = (env: Environment, name: string): string | undefined =>
  Object.hasOwn(env, name) ? env[name] : undefined

/** For people, with the values as they were told; undefined if there are none. */
export function variablesText({ env = {}, secretEnv = {} }: TaskSpec): string | undefined {
  const { shownMax, shownCharsMax } = variableLimits
  const all = [...Object.entries(env), ...Object.entries(secretEnv)]
  const texts = all.slice(0, shownMax).map(([name, value]) => {
    const cut = value.length <= shownCharsMax ? value : `${value.slice(0, shownCharsMax)}…`
    return `${name}=${cut}`
  })
  if (all.length > shownMax) texts.push(`… and ${all.length - shownMax} more`)
  return texts.length === 0 ? undefined : texts.join(', ')
}

/** Of a flag, each of its texts. As docker does, a `KEY` that has no value here is left out. Throws UsageError. */
export function variablesFrom(texts: readonly string[], flag: string, env: Environment): Map<string, string> {
  const variables = new Map<string, string>()
  for (const text of texts) {
    const { name, value = valueHere(env, name) } = readVariable(text)
    if (name === '') throw new UsageError(`${flag} has a value without a name; write KEY=VALUE.`)
    if (value !== undefined) variables.set(name, value)
  }
  return variables
}

/** Likewise of secrets, where a `KEY` without a value is an error: a secret that is left out is missed too late. */
export function secretsFrom(texts: readonly string[], flag: string, env: Environment): Map<string, string> {
  for (const text of texts) {
    const { name, value = valueHere(env, name) } = readVariable(text)
    if (value !== undefined) continue
    // Who wrote "$PASSWORD" in place of PASSWORD has given no name.
    const shown = /^[A-Z_][A-Z0-9_]*$/.test(name) ? ` ${name}` : ''
    throw new UsageError(`${flag}${shown} has no value in this environment; set it, or write KEY=VALUE.`)
  }
  return variablesFrom(texts, flag, env)
}

/**
 * Of a file in docker's form: a line is KEY=VALUE, KEY, empty, or a comment behind #. The value is all that follows, quotes
 * and all. Throws UsageError `FILE:LINE: sentence`. With `isSecret` a KEY without a value here is an error.
 */
export function variablesInFile(text: string, file: string, env: Environment, isSecret: boolean): Map<string, string> {
  const variables = new Map<string, string>()
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const fault = (why: string) => new UsageError(`${file}:${index + 1}: ${why}.`)
    const line = raw.trimStart()
    if (line === '' || line.startsWith('#')) continue
    const { name, value = valueHere(env, name) } = readVariable(line)
    if (name === '') throw fault('there is no name before the "="; write KEY=VALUE')
    if (/\s/.test(name)) throw fault('the name has a space in it; write KEY=VALUE, without "export"')
    if (line.includes('\0')) throw fault('there is a NUL character, which no variable can hold')
    if (value !== undefined) variables.set(name, value)
    else if (isSecret) throw fault('what it names has no value in this environment; set it, or write KEY=VALUE')
  }
  return variables
}
