import { describe, expect, test } from 'vitest'
import { type BatcherOptions, createBatcher } from '../../transport/batcher.ts'
import { TransportError } from '../../transport/transport.ts'

/** A batcher whose turns the test takes one by one, over a connection that says what the test wants. */
function batching(options: Partial<BatcherOptions<string>> = {}) {
  const sent: (readonly string[])[] = []
  const refused: string[] = []
  const turns: (() => void)[] = []
  const connection = { keepsUp: true }
  const batcher = createBatcher<string>({
    send(messages) {
      sent.push(messages)
      return connection.keepsUp
    },
    schedule: (flush) => turns.push(flush),
    messagesMax: 4,
    onRefused: (message) => refused.push(message),
    ...options,
  })
  /** Takes turns until there are no more, or `count` of them. */
  const turn = (count = 1_000): void => {
    for (let i = 0; i < count; i++) turns.shift()?.()
  }
  return { batcher, sent, refused, connection, turns, turn }
}

describe('batcher', () => {
  test('one frame for all messages of a turn, in order', () => {
    const { batcher, sent, turn, turns } = batching()
    for (const message of ['a', 'b', 'c']) expect(batcher.push(message)).toBe(true)
    expect(sent).toEqual([])
    expect(turns.length).toBe(1)
    turn()
    batcher.push('d')
    turn()
    expect(sent).toEqual([['a', 'b', 'c'], ['d']])
    expect(turns.length).toBe(0)
  })

  test('more than messagesMax go in several frames', () => {
    const { batcher, sent, turn } = batching()
    for (const message of 'abcdefghi') batcher.push(message)
    turn()
    expect(sent).toEqual([['a', 'b', 'c', 'd'], ['e', 'f', 'g', 'h'], ['i']])
  })

  test('control goes before bulk, and overtakes it between two bulk frames', () => {
    const { batcher, sent, turn } = batching()
    for (const message of '12345678') batcher.push(message, 'bulk')
    batcher.push('a')
    turn(1)
    batcher.push('b')
    turn()
    expect(sent).toEqual([['a'], ['1', '2', '3', '4'], ['b'], ['5', '6', '7', '8']])
  })

  test('bulk frames keep to bulkBytesMax; what is larger goes alone', () => {
    const { batcher, sent, turn } = batching({ bytesHint: (message) => message.length, bulkBytesMax: 5 })
    for (const message of ['12', '34', '56', '1234567', '8']) batcher.push(message, 'bulk')
    turn()
    expect(sent).toEqual([['12', '34'], ['56'], ['1234567'], ['8']])
  })

  test('bulk is held while the other end does not keep up, control is not', () => {
    const { batcher, sent, turn, turns, connection } = batching()
    for (const message of '123456') batcher.push(message, 'bulk')
    connection.keepsUp = false
    turn()
    expect(sent).toEqual([['1', '2', '3', '4']])
    expect(batcher.push('7', 'bulk')).toBe(false)
    expect(turns.length).toBe(0)
    batcher.push('a')
    turn()
    expect(sent.slice(1)).toEqual([['a']])
    expect(batcher.waiting).toBe(3)
    connection.keepsUp = true
    batcher.drained()
    turn()
    expect(sent.slice(2)).toEqual([['5', '6', '7']])
    expect(batcher.waiting).toBe(0)
    expect(batcher.push('8', 'bulk')).toBe(true)
  })

  test('a frame that is too large is halved; only the message that fits in none is refused', () => {
    const taken: (readonly string[])[] = []
    const { batcher, refused, turn } = batching({
      messagesMax: 100,
      send(messages) {
        if (messages.join('').length > 4) throw new TransportError('too-large', 'A frame may have at most 4 bytes.')
        taken.push(messages)
        return true
      },
    })
    for (const message of ['a', 'b', 'c', 'larger than all', 'd', 'e']) batcher.push(message)
    turn()
    expect(taken.flat()).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(refused).toEqual(['larger than all'])
  })

  test('flush sends control at once, and the turn that was planned finds nothing', () => {
    const { batcher, sent, turn } = batching()
    batcher.push('last words')
    batcher.flush()
    turn()
    expect(sent).toEqual([['last words']])
  })

  test('after close nothing is sent or taken', () => {
    const { batcher, sent, turn } = batching()
    batcher.push('a')
    batcher.push('1', 'bulk')
    batcher.close()
    expect(batcher.push('b')).toBe(false)
    batcher.drained()
    turn()
    expect([sent, batcher.waiting]).toEqual([[], 0])
  })

  test('by microtasks, messages of one turn share a frame', async () => {
    const { batcher, sent } = batching({ schedule: queueMicrotask })
    batcher.push('a')
    batcher.push('b')
    await Promise.resolve()
    expect(sent).toEqual([['a', 'b']])
  })
})
