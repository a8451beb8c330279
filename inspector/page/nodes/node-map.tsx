/** The heat map: one tile per node, with one stop of the Tab key; arrows, Home and End go among them. */
import { useRef, useState } from 'preact/hooks'
import type { NodeView } from '../../../actors/model.ts'
import { NodeTile } from './node-tile.tsx'

/** From so many on the tiles are small. */
const denseFrom = 48

export interface NodeMapProps {
  readonly nodes: readonly NodeView[]
  readonly busiest: string | undefined
}

export function NodeMap({ nodes, busiest }: NodeMapProps) {
  const list = useRef<HTMLUListElement>(null)
  const [active, setActive] = useState<string>()
  const at = Math.max(
    0,
    nodes.findIndex(({ id }) => id === active),
  )
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || list.current === null) return
    const tiles = [...list.current.querySelectorAll<HTMLElement>('[data-node]')]
    const index = targetOf(event.key, at, tiles)
    const tile = index === undefined ? undefined : tiles[index]
    if (tile === undefined) return
    event.preventDefault()
    setActive(tile.dataset.node)
    tile.focus()
  }
  return (
    <ul class={nodes.length >= denseFrom ? 'nodes-map nodes-map-dense' : 'nodes-map'} ref={list} onKeyDown={onKeyDown}>
      {nodes.map((node, index) => (
        <NodeTile key={node.id} node={node} isActive={index === at} isBusiest={node.id === busiest} />
      ))}
    </ul>
  )
}

function targetOf(key: string, at: number, tiles: readonly HTMLElement[]): number | undefined {
  const last = tiles.length - 1
  // As many as stand in the first row.
  const top = tiles[0]?.getBoundingClientRect().top
  const below = tiles.findIndex((tile) => tile.getBoundingClientRect().top !== top)
  const columns = below < 0 ? tiles.length : below
  const wished = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns }[key]
  if (wished !== undefined) return wished < 0 || wished > last ? at : wished
  return { Home: 0, End: last }[key]
}
