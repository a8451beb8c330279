/** Which folders of the worker's machine a container may see: those below a path that the operator allows. */
import { realpath } from 'node:fs/promises'
import path from 'node:path'
import type { MountSettings } from 'dockerode'
import type { Mount } from '../../../actors/model.ts'
import { StartFailure } from './failure.ts'

/**
 * Checks mounts and gives them in the engine's form, each with its source's real path: a link or a `..` must not lead
 * out of what is allowed, and what was checked is what is mounted. Throws StartFailure `bad-spec`.
 */
export async function bindMounts(mounts: readonly Mount[], allowed: readonly string[]): Promise<MountSettings[]> {
  const roots = await Promise.all(allowed.map((root) => realpath(root).catch(() => undefined)))
  return Promise.all(
    mounts.map(async (mount): Promise<MountSettings> => {
      // What may not be seen is refused before it is looked at: a refusal must not tell whether a file exists.
      const named = path.resolve(mount.source)
      const isNamedBelow = [...allowed.map((root) => path.resolve(root)), ...roots].some((root) => isBelow(named, root))
      const source = isNamedBelow ? await realpath(named).catch(() => undefined) : named
      if (source === undefined) {
        throw new StartFailure('bad-spec', false, `The folder ${mount.source} to mount does not exist on the worker.`)
      }
      if (!isNamedBelow || !roots.some((root) => isBelow(source, root))) throw refusal(mount.source)
      return { Type: 'bind', Source: source, Target: mount.target, ReadOnly: mount.readOnly ?? false }
    }),
  )
}

const refusal = (source: string): StartFailure =>
  new StartFailure(
    'bad-spec',
    false,
    `The worker does not allow ${source} to be mounted: its operator allows folders with --allow-mount.`,
  )

function isBelow(file: string, root: string | undefined): boolean {
  if (root === undefined) return false
  const relative = path.relative(root, file)
  return relative === '' || (relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative))
}
