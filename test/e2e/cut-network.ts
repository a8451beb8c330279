/**
 * A worker's network of its own, joined to the manager's by a cable that can be cut in each direction. A cut is a wrong
 * address of the other end's card, kept for good: frames go out and nobody takes them. That drops them without a word to
 * the sender, as a firewall's DROP would, and needs no firewall in the kernel.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { FaultWorld, Way } from './fault-world.ts'

const run = promisify(execFile)
const searchPath = `${process.env.PATH}:/usr/sbin:/sbin`
const ip = (...args: string[]) => run('ip', args, { env: { ...process.env, PATH: searchPath } })
/** No card has it: the bit of locally given addresses is set. */
const nobody = '02:00:00:00:00:99'

/** Why no network can be cut here; undefined if it can. */
export function whyNoNetwork(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can make network namespaces'
  for (const folder of searchPath.split(delimiter)) {
    try {
      accessSync(join(folder, 'ip'), constants.X_OK)
      return undefined
    } catch {
      // It may be in the next one.
    }
  }
  return 'ip (Debian package iproute2) is not installed'
}

export class CutNetwork {
  readonly #name: string
  readonly #subnet: number

  private constructor(name: string, subnet: number) {
    this.#name = name
    this.#subnet = subnet
  }

  static async open(): Promise<CutNetwork> {
    const bytes = randomBytes(4)
    // The name of a card has at most 15 characters.
    const network = new CutNetwork(`tpe${bytes.toString('hex')}`, bytes[0] as number)
    await network.#make()
    return network
  }

  /** The address on the manager's side of the cable. */
  get managerIp(): string {
    return `10.231.${this.#subnet}.1`
  }

  get #workerIp(): string {
    return `10.231.${this.#subnet}.2`
  }

  get #inner(): string {
    return `${this.#name}w`
  }

  get #outer(): string {
    return `${this.#name}m`
  }

  /** How to start what is to live on the worker's side. */
  get way(): Way {
    return ['ip', 'netns', 'exec', this.#name]
  }

  async #make(): Promise<void> {
    try {
      await ip('netns', 'add', this.#name)
      await ip('link', 'add', this.#outer, 'type', 'veth', 'peer', 'name', this.#inner, 'netns', this.#name)
      await ip('addr', 'add', `${this.managerIp}/30`, 'dev', this.#outer)
      await ip('link', 'set', this.#outer, 'up')
      await ip('-n', this.#name, 'addr', 'add', `${this.#workerIp}/30`, 'dev', this.#inner)
      await ip('-n', this.#name, 'link', 'set', this.#inner, 'up')
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** What the worker sends is lost. */
  async cutFromWorker(): Promise<void> {
    await ip('-n', this.#name, 'neigh', 'replace', this.managerIp, ...this.#toNobody(this.#inner))
  }

  /** What is sent to the worker is lost. */
  async cutToWorker(): Promise<void> {
    await ip('neigh', 'replace', this.#workerIp, ...this.#toNobody(this.#outer))
  }

  #toNobody(card: string): string[] {
    return ['lladdr', nobody, 'nud', 'permanent', 'dev', card]
  }

  async mend(): Promise<void> {
    await ip('-n', this.#name, 'neigh', 'flush', 'nud', 'permanent', 'dev', this.#inner)
    await ip('neigh', 'flush', 'nud', 'permanent', 'dev', this.#outer)
  }

  async close(): Promise<void> {
    // The cable goes with its end, and its end at once or, where a process is still in there, with that process.
    await ip('link', 'delete', this.#outer).catch(() => undefined)
    await ip('netns', 'delete', this.#name).catch(() => undefined)
  }
}

/** What can be cut, and how. */
export const cuts = [
  ['both ways', (network: CutNetwork) => Promise.all([network.cutFromWorker(), network.cutToWorker()])],
  ['from the worker only', (network: CutNetwork) => network.cutFromWorker()],
  ['to the worker only', (network: CutNetwork) => network.cutToWorker()],
] as const

/** A manager, a worker at the other end of a cable of its own, and a client that listens. */
export async function startAcross(world: FaultWorld): Promise<CutNetwork> {
  const network = await CutNetwork.open()
  world.onClose(() => network.close())
  const listen = `${network.managerIp}:${world.cluster.port}`
  world.at = `ws://${listen}`
  world.startManager([], listen)
  await world.startWorker('far', ['--driver', 'process'], network.way)
  await world.listen()
  await world.ready(1)
  return network
}
