/** Which folders of the worker's machine a container may see: those below a path that the operator allows. */
import { realpath } from 'node:fs/promises'
import path from 'node:path'
import type { MountSettings } from 'dockerode'
import type { Mount, TaskSpec, Tmpfs } from '../../../actors/model.ts'
import { StartFailure } from './failure.ts'

export interface MountPolicy {
  /** Folders below which mounts are allowed. */
  readonly allowMounts: readonly string[]
  /** Folders that no container sees, be they below an allowed one: Troupe's own, with its token and all secrets. */
  readonly hiddenFolders: readonly string[]
  /** The node's name, for sentences. */
  readonly nodeName: string
}

/** What covers a hidden folder: nothing can be read in it, and nothing written. */
const coverBytes = 4_096

/**
 * Checks mounts and gives them in the engine's form, each with its source's real path: a link or a `..` must not lead
 * out of what is allowed, and what was checked is what is mounted. Throws StartFailure `bad-spec`.
 */
export async function containerMounts(spec: TaskSpec, policy: MountPolicy): Promise<MountSettings[]> {
  const binds = await Promise.all((spec.mounts ?? []).map((mount) => bind(mount, policy)))
  return [...binds.flat(), ...(spec.tmpfs ?? []).map(inMemory)]
}

async function bind(mount: Mount, policy: MountPolicy): Promise<MountSettings[]> {
  const source = await checkedSource(mount.source, policy)
  const covers: MountSettings[] = []
  for (const hidden of await realPaths(policy.hiddenFolders)) {
    if (isBelow(source, hidden)) throw bad(`${mount.source} cannot be mounted: it holds what Troupe itself keeps.`)
    if (!isBelow(hidden, source)) continue
    const target = path.posix.join(mount.target, path.relative(source, hidden))
    covers.push({ Type: 'tmpfs', Target: target, ReadOnly: true, ...options(coverBytes) } as MountSettings)
  }
  return [{ Type: 'bind', Source: source, Target: mount.target, ReadOnly: mount.readOnly ?? false }, ...covers]
}

async function checkedSource(given: string, policy: MountPolicy): Promise<string> {
  const { allowMounts } = policy
  const roots = await realPaths(allowMounts)
  // What may not be seen is refused before it is looked at: a refusal must not tell whether a file exists.
  const named = path.resolve(given)
  const isNamedBelow = [...allowMounts.map((root) => path.resolve(root)), ...roots].some((root) => isBelow(named, root))
  if (!isNamedBelow) throw refusal(named, policy)
  const source = await realpath(named).catch(() => undefined)
  if (source === undefined) {
    throw bad(`The folder ${given} to mount does not exist on node ${policy.nodeName}: make it there first.`)
  }
  // Where it leads to is not said: it is outside of what may be seen.
  if (!roots.some((root) => isBelow(source, root))) {
    throw bad(
      `${given} cannot be mounted: it is a link, or below one, that leads out of what node ${policy.nodeName} allows.`,
    )
  }
  return source
}

const inMemory = ({ target, sizeBytes }: Tmpfs): MountSettings =>
  ({ Type: 'tmpfs', Target: target, ...(sizeBytes === undefined ? {} : options(sizeBytes)) }) as MountSettings

const options = (sizeBytes: number): Pick<MountSettings, 'TmpfsOptions'> => ({
  TmpfsOptions: { SizeBytes: sizeBytes } as NonNullable<MountSettings['TmpfsOptions']>,
})

async function realPaths(folders: readonly string[]): Promise<string[]> {
  const found = await Promise.all(folders.map((folder) => realpath(folder).catch(() => undefined)))
  return found.filter((folder) => folder !== undefined)
}

const bad = (why: string): StartFailure => new StartFailure('bad-spec', false, why)

const refusal = (source: string, { nodeName, allowMounts }: MountPolicy): StartFailure =>
  bad(
    `Node ${nodeName} does not allow ${source} to be mounted: start its worker with --allow-mount ${source}` +
      (allowMounts.length === 0 ? '.' : `, or mount what is below ${allowMounts.join(' or ')}.`),
  )

function isBelow(file: string, root: string): boolean {
  const relative = path.relative(root, file)
  return relative === '' || (relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative))
}
