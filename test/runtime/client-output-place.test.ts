import { expect, test } from 'vitest'
import type { OutputPiece } from '../../runtime/client/output.ts'
import { OutputPlace } from '../../runtime/client/output-place.ts'

const piece = (data: string, lostBytes?: number, stream: OutputPiece['stream'] = 'stdout'): OutputPiece =>
  lostBytes === undefined ? { stream, data: Buffer.from(data) } : { stream, data: Buffer.from(data), lostBytes }
/** `+4:text` = after a gap of 4 bytes. */
const news = (place: OutputPlace, ...pieces: OutputPiece[]) =>
  pieces.map((one) => {
    const found = place.newsOf(one)
    if (found === undefined) return undefined
    return `${found.lostBytes === undefined ? '' : `+${found.lostBytes}:`}${Buffer.from(found.data)}`
  })

test('a second reading passes over what the first has shown, however it is cut', () => {
  const place = new OutputPlace()
  expect(news(place, piece('abc'), piece('X', undefined, 'stderr'))).toEqual(['abc', 'X'])
  place.beginAgain()
  expect(news(place, piece('ab'), piece('XY', undefined, 'stderr'), piece('cdef'))).toEqual([undefined, 'Y', 'def'])
})

test('a gap before what was shown is no news, and what follows it is passed over by its place', () => {
  const place = new OutputPlace()
  expect(news(place, piece('abcdefgh'))).toEqual(['abcdefgh'])
  place.beginAgain()
  expect(news(place, piece('defgh', 3), piece('ij'))).toEqual([undefined, 'ij'])
})

test('of a gap that reaches beyond what was shown only the rest is news', () => {
  const place = new OutputPlace()
  expect(news(place, piece('abcd'))).toEqual(['abcd'])
  place.beginAgain()
  expect(news(place, piece('klm', 10))).toEqual(['+6:klm'])
  place.beginAgain()
  expect(news(place, piece('lmno', 11))).toEqual(['no'])
})

test('a gap is told once', () => {
  const place = new OutputPlace()
  expect(news(place, piece('klm', 10), piece('n'), piece('', 5), piece('t'))).toEqual(['+10:klm', 'n', '+5:', 't'])
  place.beginAgain()
  expect(news(place, piece('klm', 10), piece('n'), piece('', 5), piece('tu'))).toEqual([
    undefined,
    undefined,
    undefined,
    'u',
  ])
})

test('after a gap that nobody has counted all is shown: twice is better than never', () => {
  const place = new OutputPlace()
  expect(news(place, piece('abcd'))).toEqual(['abcd'])
  place.beginAgain()
  expect(news(place, piece('cdef', 0), piece('gh'))).toEqual(['+0:cdef', 'gh'])
})
