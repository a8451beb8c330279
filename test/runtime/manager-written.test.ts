/** A task that is asked for again and again is encoded once for each change, and what is told is always how it stands. */
import { expect, test } from 'vitest'
import type { TaskView } from '../../actors/model.ts'
import { WrittenTasks, writtenLimits } from '../../runtime/manager/written-tasks.ts'
import { createCodec } from '../../transport/codec.ts'

const codecs = ['troupe.v1.msgpack', 'troupe.v1.json'].map((protocol) =>
  createCodec(protocol, { frameBytesMax: 1_048_576, frameDepthMax: 32 }),
)
const task = (more: Partial<TaskView> = {}) =>
  ({ id: 'a', name: 'a', revision: 1, reason: null, command: ['x'], labels: {}, ...more }) as TaskView

/** What each subprotocol's reader gets. */
const told = (items: TaskView[]) =>
  codecs.map((codec) => codec.decode(codec.encode({ m: [{ type: 'Tasks', req: 1, revision: 7, items }] })))
const frameOf = (view: TaskView) => ({ m: [{ type: 'Tasks', req: 1, revision: 7, items: [view] }] })

test('the same revision is written once, and read as it was', () => {
  const written = new WrittenTasks()
  const items = written.listOf(task())
  expect(written.listOf(task())).toBe(items)
  for (const frame of [...told(items), ...told(items)]) expect(frame).toEqual(frameOf(task()))
})

test('another revision, or another reason why it waits, is told', () => {
  const written = new WrittenTasks()
  for (const view of [task(), task({ revision: 2 }), task({ revision: 2, reason: 'no node' }), task({ revision: 2 })]) {
    for (const frame of told(written.listOf(view))) expect(frame).toEqual(frameOf(view))
  }
})

test('it keeps few, and none that is large', () => {
  const written = new WrittenTasks()
  const first = written.listOf(task())
  for (let i = 1; i < writtenLimits.tasksMax; i += 1) written.listOf(task({ id: `t${i}` }))
  expect(written.listOf(task())).toBe(first)
  written.listOf(task({ id: 'one more' }))
  expect(written.listOf(task())).not.toBe(first)
  const large = task({ id: 'large', command: ['x'.repeat(writtenLimits.taskBytesMax)] })
  expect(written.listOf(large)).toEqual([large])
})
