import { describe, expect, test } from 'vitest'
import { placeOf, sectionOf, titleOf } from '../../inspector/page/frame/titles.ts'
import { tokenIn } from '../../inspector/page/frame/token-text.ts'
import { everyTask, formatRoute, type Route, readRoute } from '../../inspector/page/route.ts'

const routes: readonly (readonly [fragment: string, route: Route])[] = [
  ['#/tasks', { view: 'tasks', query: everyTask }],
  [
    '#/tasks?q=web+prod&state=Failed&state=Running&node=n1&driver=docker&label=team%3Dops',
    {
      view: 'tasks',
      query: {
        search: 'web prod',
        states: ['Failed', 'Running'],
        nodes: ['n1'],
        drivers: ['docker'],
        labels: ['team=ops'],
      },
    },
  ],
  ['#/tasks/ab12', { view: 'task', id: 'ab12', panel: 'timeline', at: undefined }],
  ['#/tasks/ab12/logs?at=41', { view: 'task', id: 'ab12', panel: 'logs', at: '41' }],
  ['#/nodes', { view: 'nodes' }],
  ['#/nodes/a%2Fb%20c', { view: 'node', id: 'a/b c' }],
  ['#/actors', { view: 'actors' }],
  ['#/actors/task%3Aab12', { view: 'actor', id: 'task:ab12' }],
  ['#/file', { view: 'file' }],
  ['#/elsewhere/1', { view: 'unknown', address: '/elsewhere/1' }],
]

describe('an address', () => {
  test.each(routes)('%s is read, and written the same', (fragment, route) => {
    expect(readRoute(fragment)).toEqual(route)
    expect(formatRoute(route)).toBe(fragment)
  })

  test('is the list of tasks where there is none', () => {
    for (const fragment of ['', '#', '#/', '#/tasks/']) {
      expect(readRoute(fragment)).toMatchObject(
        fragment === '#/tasks/' ? { view: 'task', id: '' } : (routes[0]?.[1] ?? {}),
      )
    }
  })

  test('that is half right means what it can mean', () => {
    expect(readRoute('#/tasks/ab12/nonsense?at=-4')).toEqual({
      view: 'task',
      id: 'ab12',
      panel: 'timeline',
      at: undefined,
    })
    expect(readRoute('#/nodes/50%')).toEqual({ view: 'node', id: '50%' })
    for (const attempt of ['attempt:ab12/1', encodeURIComponent('attempt:ab12/1')]) {
      expect(readRoute(`#/actors/${attempt}`)).toEqual({ view: 'actor', id: 'attempt:ab12/1' })
    }
    expect(readRoute('#/tasks?q=a?b&unknown=1')).toMatchObject({ query: { search: 'a?b' } })
  })

  test('has a title, and belongs to a section', () => {
    const titles = routes.map(([, route]) => titleOf(route))
    expect(titles[0]).toBe('Tasks · Troupe')
    expect(titles[3]).toBe('Task ab12 at 41 · Troupe')
    expect(new Set(titles.slice(2)).size).toBe(titles.length - 2)
    expect(sectionOf(readRoute('#/tasks/ab12'))).toBe('tasks')
    expect(sectionOf(readRoute('#/nodes/n1'))).toBe('nodes')
    expect(sectionOf(readRoute('#/file'))).toBe('file')
    expect(sectionOf(readRoute('#/elsewhere'))).toBeUndefined()
  })

  test('is another place only where another thing is shown', () => {
    const place = (fragment: string) => placeOf(readRoute(fragment))
    expect(place('#/tasks?q=a')).toBe(place('#/tasks'))
    expect(place('#/tasks/ab12/logs?at=3')).toBe(place('#/tasks/ab12'))
    expect(place('#/tasks/ab13')).not.toBe(place('#/tasks/ab12'))
    expect(place('#/tasks/ab12')).not.toBe(place('#/tasks'))
  })
})

test.each([
  ['abc123', 'abc123'],
  ['  abc123\n', 'abc123'],
  ['http://127.0.0.1:4747/#token=abc123', 'abc123'],
  ['inspector: http://127.0.0.1:4747/#token=a%2Bb', 'a+b'],
  ['http://127.0.0.1:4747/', undefined],
  ['two words', undefined],
  ['', undefined],
])('the token in %j is %j', (text, token) => expect(tokenIn(text)).toBe(token))
