/** What is shown of any value: plain, bounded, and without secrets. */
import { describe, expect, test } from 'vitest'
import { shown, shownLimits } from '../../actors/shown.ts'
import { createCodec } from '../../transport/codec.ts'

describe('what is shown', () => {
  test('is the same where it is plain and small', () => {
    const plain = { a: 1, b: ['x', null, true], c: { d: 'text' } }
    expect(shown(plain, 1_000)).toMatchObject({ value: plain, cut: false })
  })

  test('has no values of environments, and no tokens', () => {
    const { value } = shown(
      {
        spec: { env: { KEY: 'hidden', N: 1 } },
        token: 'hidden',
        list: [{ env: { A: 'hidden' }, secretEnv: { B: 'hidden' } }],
      },
      1_000,
    )
    expect(JSON.stringify(value)).not.toContain('hidden')
    expect(value).toMatchObject({ spec: { env: { KEY: '***', N: '***' } }, token: '***' })
  })

  test.each([50, 500, 5_000])('is no larger than about %d bytes, and says that it was cut', (bytesMax) => {
    const large = Array.from({ length: 1_000 }, (_, at) => ({ name: `entry ${at}`, text: 'x'.repeat(100) }))
    for (const value of [large, { large }, 'y'.repeat(100_000), { ['k'.repeat(10)]: 'z'.repeat(100_000) }]) {
      const made = shown(value, bytesMax)
      expect(made.cut).toBe(true)
      expect(JSON.stringify(made.value).length).toBeLessThan(bytesMax * 1.5 + 100)
    }
  })

  test('keeps what is small where something large is cut', () => {
    const { value, cut } = shown({ labels: { a: 'x'.repeat(1_000) }, taskId: 't', attempt: 3 }, 100)
    expect(cut).toBe(true)
    expect(Object.keys(value as object)).toEqual(['labels', 'taskId', 'attempt'])
    expect(value).toMatchObject({ taskId: 't', attempt: 3 })
  })

  test('is no deeper than is said', () => {
    let deep: unknown = 'bottom'
    for (let at = 0; at < 100; at += 1) deep = at % 2 === 0 ? [deep] : { deep }
    const { value, cut } = shown(deep, 10_000)
    expect(cut).toBe(true)
    expect(JSON.stringify(value).match(/[[{]/g)).toHaveLength(shownLimits.depthMax)
  })

  test('can be sent, whatever it was', () => {
    const self: Record<string, unknown> = {
      at: Number.NaN,
      big: 12n,
      when: undefined,
      run: () => 1,
      failed: new Error('no'),
    }
    self.self = self
    self.bytes = new Uint8Array(3)
    self.half = '😀'.repeat(100)
    Object.defineProperty(self, '__proto__', { value: { odd: true }, enumerable: true })
    const { value } = shown(self, 400)
    const codec = createCodec('troupe.v1.json', { frameBytesMax: 100_000, frameDepthMax: 32 })
    const { m } = codec.decode(codec.encode({ m: [{ type: 'X', value }] }) as Uint8Array) as { m: [{ value: object }] }
    expect(m[0].value).toMatchObject({ at: 'NaN', big: '12', failed: 'no' })
    expect(JSON.stringify(value)).not.toMatch(/\\ud8|\\udc/)
  })
})
