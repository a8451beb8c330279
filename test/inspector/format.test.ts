import { expect, test } from 'vitest'
import {
  formatAge,
  formatAgo,
  formatBytes,
  formatClock,
  formatCommand,
  formatCount,
  formatCpus,
  formatDuration,
  formatMoment,
  formatShare,
  plural,
  wordsOf,
} from '../../inspector/page/ui/format.ts'

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1 KiB'],
  [64 * 2 ** 20, '64 MiB'],
  [1.5 * 2 ** 30, '1.5 GiB'],
  [2 ** 20 - 1, '1 MiB'],
  [2 ** 50, '1 PiB'],
  [2 ** 60, '1024 PiB'],
  [-2_048, '-2 KiB'],
  [Number.NaN, '–'],
])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

test.each([
  [0, '0 ms'],
  [340, '340 ms'],
  [999.6, '1.0 s'],
  [4_249, '4.2 s'],
  [9_960, '10 s'],
  [59_600, '1 m 00 s'],
  [185_000, '3 m 05 s'],
  [3_599_700, '1 h 00 m'],
  [7_440_000, '2 h 04 m'],
  [90_000_000, '1 d 1 h'],
  [-340, '-340 ms'],
  [Number.POSITIVE_INFINITY, '–'],
])('%d ms take %s', (ms, text) => expect(formatDuration(ms)).toBe(text))

test('an age is in whole seconds, and never of the future', () => {
  expect(formatAge(1_999)).toBe('1 s')
  expect(formatAge(-5_000)).toBe('0 s')
  expect(formatAgo(400)).toBe('now')
  expect(formatAgo(-5_000)).toBe('now')
  expect(formatAgo(61_000)).toBe('1 m 01 s ago')
})

test('a moment is local, sortable and fine', () => {
  const atMs = new Date(2026, 10, 3, 4, 5, 6, 7).getTime()
  expect(formatMoment(atMs)).toBe('2026-11-03 04:05:06.007')
  expect(formatClock(atMs)).toBe('04:05:06')
})

test('a command is as one would type it', () => {
  expect(formatCommand(['sh', '-c', `echo "it's"; exit`])).toBe(`sh -c 'echo "it'\\''s"; exit'`)
  expect(formatCommand(['ls', '', '--all=yes'])).toBe(`ls '' --all=yes`)
  expect(formatCommand([])).toBe('')
})

test('amounts and words', () => {
  expect(formatCpus(0.1 + 0.2)).toBe('0.3')
  expect(formatCpus(4)).toBe('4')
  expect(formatCount(1_234_567)).toBe('1,234,567')
  expect(formatShare(0.125)).toBe('13 %')
  expect(formatShare(0 / 0)).toBe('–')
  expect(plural(1, 'task')).toBe('1 task')
  expect(plural(1_000, 'task')).toBe('1,000 tasks')
  expect(plural(2, 'history', 'histories')).toBe('2 histories')
  expect(wordsOf('BackingOff')).toBe('backing off')
})
