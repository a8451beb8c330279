/** A task's specification as the engine wants it. */
import type { ContainerCreateOptions, HostConfig } from 'dockerode'
import type { AttemptKey, Port, TaskSpec } from '../../../actors/model.ts'
import { protocolOf } from '../../../actors/ports.ts'
import type { DriverScope } from '../driver.ts'
import { StartFailure } from './failure.ts'
import { containerName, labelsOf, reservedLabelPrefix } from './identity.ts'
import { containerMounts, type MountPolicy } from './mounts.ts'

/** The least that the engine and the kernel take. */
const cpusMin = 0.01
const memoryBytesMin = 6 * 1_024 * 1_024
/**
 * The engine keeps the output as JSON, in so many files, and drops a whole one at a time: all but one are sure to be
 * there. Its JSON adds some 72 bytes to each line, so that 13 bytes of it for each of text keep `outputBytesMax` of text
 * down to lines of 6 bytes. With 10 MiB that is at most 163 MiB of the engine's disk for a container that writes so
 * much, while it exists; what is kept of it once it is removed is 10 MiB of text.
 */
const logFiles = 5
const jsonBytesPerTextByte = 13

export interface ContainerPolicy extends Omit<MountPolicy, 'nodeName'> {
  /** What the engine keeps of an attempt's output at least, in bytes of text. */
  readonly outputBytesMax: number
}

/** Throws StartFailure `bad-spec`, or `bad-workdir`, for what no engine could run. */
export async function containerOptions(
  scope: DriverScope,
  key: AttemptKey,
  spec: TaskSpec,
  policy: ContainerPolicy,
): Promise<ContainerCreateOptions & { Image: string }> {
  refuse(spec)
  const { image, init = true, network = 'bridge' } = spec
  const { nodeName = scope.nodeId } = scope
  const mounts = await containerMounts(spec, { ...policy, nodeName })
  return {
    name: containerName(scope, key),
    Image: image as string,
    Labels: { ...spec.labels, ...labelsOf(scope, key) },
    Env: Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`),
    // Without a TTY the two streams of output are told apart; with stdin closed nothing waits for a person.
    Tty: false,
    OpenStdin: false,
    AttachStdin: false,
    ...(spec.command === undefined ? {} : { Cmd: spec.command }),
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
    ...(spec.workdir === undefined ? {} : { WorkingDir: spec.workdir }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    ...exposed(spec),
    HostConfig: {
      // Neither AutoRemove (the exit code could be missed) nor a restart policy (an attempt runs once), never Privileged.
      Init: init,
      NetworkMode: network,
      ...published(spec),
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': `${logFileBytes(policy)}`, 'max-file': `${logFiles}` },
      },
      ...(spec.cpus === undefined ? {} : { NanoCpus: Math.round(spec.cpus * 1e9) }),
      // The same limit for memory with swap: a task that asked for 64 MiB gets no swap on top.
      ...(spec.memoryBytes === undefined ? {} : { Memory: spec.memoryBytes, MemorySwap: spec.memoryBytes }),
      ...(spec.pidsLimit === undefined ? {} : { PidsLimit: spec.pidsLimit }),
      ...(spec.readOnly === undefined ? {} : { ReadonlyRootfs: spec.readOnly }),
      ...(mounts.length === 0 ? {} : { Mounts: mounts }),
    },
  }
}

const engineName = (port: Port): string => `${port.target}/${protocolOf(port)}`

/** What is published. On the network of the host nothing can be: there a container listens on its node's ports itself. */
const publishedPorts = ({ ports = [], network }: TaskSpec): readonly Port[] => (network === 'host' ? [] : ports)

function exposed(spec: TaskSpec): Pick<ContainerCreateOptions, 'ExposedPorts'> {
  const ports = publishedPorts(spec)
  if (ports.length === 0) return {}
  return { ExposedPorts: Object.fromEntries(ports.map((port) => [engineName(port), {}])) }
}

function published(spec: TaskSpec): Pick<HostConfig, 'PortBindings'> {
  const ports = publishedPorts(spec)
  if (ports.length === 0) return {}
  const binding = ({ host, address = '' }: Port) => [{ HostPort: String(host), HostIp: address }]
  return { PortBindings: Object.fromEntries(ports.map((port) => [engineName(port), binding(port)])) }
}

const logFileBytes = ({ outputBytesMax }: ContainerPolicy): number =>
  Math.ceil((outputBytesMax * jsonBytesPerTextByte) / (logFiles - 1))

/** Refuses here what the engine would refuse late, unclearly or not at all. */
function refuse(spec: TaskSpec): void {
  const bad = (why: string) => new StartFailure('bad-spec', false, why)
  // The engine takes an empty name and then fails in a way that says nothing.
  if (spec.image === undefined || spec.image.trim() === '') throw bad('A task for docker needs an image.')
  const label = Object.keys(spec.labels ?? {}).find((name) => name.startsWith(reservedLabelPrefix))
  if (label !== undefined) {
    throw bad(`The label ${label} cannot be set: labels that begin with "${reservedLabelPrefix}" are Troupe's own.`)
  }
  if (spec.network?.startsWith('container:')) {
    throw bad('A task cannot join the network of another container: name a network, "bridge", "host" or "none".')
  }
  const open = spec.ports?.find(({ host }) => host === undefined)
  // The engine would take one of its own, which nobody has reserved.
  if (open !== undefined) throw bad(`The port ${open.target} has no port of the node: the manager gives it one.`)
  if (spec.cpus !== undefined && spec.cpus < cpusMin) {
    throw bad(`A container needs at least ${cpusMin} cpus; ${spec.cpus} were asked for.`)
  }
  if (spec.memoryBytes !== undefined && spec.memoryBytes < memoryBytesMin) {
    throw bad(`A container needs at least 6 MiB of memory; ${spec.memoryBytes} bytes were asked for.`)
  }
  const name = Object.keys(spec.env ?? {}).find((each) => /[=\0]/.test(each))
  if (name !== undefined) throw bad(`The environment variable ${JSON.stringify(name)} has a "=" or a NUL in its name.`)
  const texts = [...Object.values(spec.env ?? {}), ...(spec.command ?? []), ...(spec.entrypoint ?? [])]
  if (texts.some((text) => text.includes('\0'))) throw bad('A command or an environment variable contains a NUL.')
  if (spec.workdir !== undefined && !spec.workdir.startsWith('/')) {
    throw new StartFailure('bad-workdir', false, `The working directory ${spec.workdir} is not an absolute path.`)
  }
}
