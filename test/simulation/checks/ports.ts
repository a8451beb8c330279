/**
 * No port is ever held by two attempts that may be alive on one node: neither by two containers that run in its engine, nor,
 * with each placement as it is stored, by two tasks whose attempts are open there.
 */
import type { AnyMachineSnapshot } from 'xstate'
import { attemptName, type TaskEvent } from '../../../actors/model.ts'
import { heldName, heldPorts } from '../../../actors/ports.ts'
import { standingOf } from '../../../actors/standing.ts'
import { type ActorRecord, decodeRecord } from '../../../runtime/host/record.ts'
import type { StorageOp } from '../../../runtime/storage/storage.ts'
import type { Disk } from '../disk.ts'
import type { Container, Engine } from '../engine.ts'
import type { World } from '../world.ts'

const promise = 'no port is held twice'

/** A container was started. One whose record was damaged (`unknown`) is not reported as held. */
export function checkPorts(world: World, engine: Engine, container: Container, unknown: ReadonlySet<string>): void {
  const ports = heldPorts(container.spec.ports)
  if (ports.length === 0) return
  if (ports.length !== container.spec.ports?.length) world.violated('each port is chosen', attemptName(container.key))
  world.sometimes('a container had ports')
  for (const other of engine.containers.values()) {
    if (other === container || other.phase !== 'running' || unknown.has(attemptName(other.key))) continue
    const held = new Set(heldPorts(other.spec.ports).map(heldName))
    const twice = ports.map(heldName).find((name) => held.has(name))
    if (twice === undefined) continue
    const how = `${attemptName(container.key)} began on ${engine.name} with port ${twice}, which ${attemptName(other.key)} has`
    world.violated(promise, how)
  }
}

/** To be told of every batch that the manager has secured, once it is applied. */
export function watchPorts(world: World, manager: Disk): (ops: readonly StorageOp[]) => void {
  return (ops) => {
    for (const op of ops) {
      if (op.type !== 'put' || !op.key.startsWith('log/')) continue
      const { event, taskId } = decodeRecord(op.value) as TaskEvent
      if (event.type === 'Unplaceable' && / port/.test((event as { why?: string }).why ?? '')) {
        world.sometimes('a task waited for a port')
      }
      if (event.type === 'Placed' && 'ports' in event) checkPlaced(world, manager, taskId)
    }
  }
}

function checkPlaced(world: World, manager: Disk, placed: string): void {
  const holders = new Map<string, string>()
  for (const [key, bytes] of manager.entries('task/')) {
    if (manager.damaged.has(key)) continue
    const open = standingOf((decodeRecord(bytes) as ActorRecord).snapshot as unknown as AnyMachineSnapshot).open
    for (const port of open?.ports ?? []) {
      const name = `${open?.nodeId} ${heldName(port)}`
      const other = holders.get(name)
      holders.set(name, key)
      if (other !== undefined) world.violated(promise, `${placed} was placed, and ${other} and ${key} have ${name}`)
    }
  }
}
