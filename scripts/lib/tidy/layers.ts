/** The layer matrix: which part of Troupe a file belongs to, and what that part may import. */
import { posix } from 'node:path'
import type { ImportFact } from './source.ts'

export type Layer =
  | 'actors'
  | 'transport'
  | 'port'
  | 'adapter'
  | 'host'
  | 'client'
  | 'conformance'
  | 'root'
  | 'chart'
  | 'inspector'
  | 'free'

interface LayerRules {
  /** Layers whose values it may import. Its own files are always allowed, but for adapters see `familyOf`. */
  readonly values: readonly Layer[]
  /** Layers of which it may import types, beyond those of `values`. */
  readonly types: readonly Layer[]
  /** Packages and `node:` modules; `node:*` stands for all of the latter. */
  readonly packages: readonly string[]
  readonly advice: string
}

/** Modules of Node that do no I/O and know no time or chance, so that a host may use them under simulation. */
const pureNodeModules = ['node:assert', 'node:zlib']

/** Packages that only compute: machines, schemas, and the encoding of what a host stores. */
const purePackages = ['xstate', 'typebox', 'msgpackr']

const matrix: Readonly<Record<Exclude<Layer, 'free'>, LayerRules>> = {
  actors: {
    values: [],
    types: [],
    packages: ['xstate', 'typebox'],
    advice: 'actors/ holds pure decisions: it may import xstate, typebox and itself',
  },
  transport: {
    values: [],
    types: [],
    packages: ['ws', 'msgpackr', 'node:*'],
    advice: 'transport/ moves frames and knows no message: it may import ws, msgpackr, node:* and itself',
  },
  port: {
    values: [],
    types: ['actors', 'transport'],
    packages: [],
    advice: 'a port may import only types, of actors/, transport/ and other ports; write `import type`',
  },
  adapter: {
    values: ['port', 'actors'],
    types: ['transport'],
    packages: ['node:*'],
    advice: 'an adapter may import ports, actors/, node:* and its one library, never another adapter or a host',
  },
  host: {
    values: ['actors', 'port', 'client'],
    types: ['transport'],
    packages: [...purePackages, ...pureNodeModules],
    advice: 'a host gets its adapters, time and I/O by constructor: it may import actors/, ports and other hosts',
  },
  client: {
    values: ['actors', 'port'],
    types: ['transport'],
    packages: ['xstate', 'typebox'],
    advice: 'runtime/client/ also runs in a browser: it may import actors/, ports and itself, and nothing of Node',
  },
  conformance: {
    values: ['port', 'actors'],
    types: ['transport'],
    packages: [],
    advice: 'a conformance suite knows only the port that it holds adapters to; the test API arrives as an argument',
  },
  root: {
    values: ['actors', 'transport', 'port', 'adapter', 'host', 'client', 'conformance', 'chart'],
    types: [],
    packages: ['*'],
    advice: 'roots choose adapters; they may import everything but the page in inspector/, scripts/ and test/',
  },
  chart: {
    values: ['actors'],
    types: [],
    packages: ['elkjs'],
    advice: 'inspector/chart/ draws for the page, the CLI and the build alike: it may import actors/, elkjs and itself',
  },
  inspector: {
    values: ['client', 'actors', 'chart'],
    types: [],
    packages: ['preact', '@preact/signals', 'uplot', 'xstate'],
    advice:
      'inspector/ is a web page: it may import runtime/browser.ts, runtime/client/, actors/, the charts, and nothing of Node',
  },
}

/** The one library of each adapter, by its family. */
const adapterPackages: Readonly<Record<string, readonly string[]>> = {
  'storage/rocksdb': ['@nxtedition/rocksdb', 'abstract-level'],
  'drivers/docker': ['dockerode'],
  'drivers/machine': ['xstate'],
}

/** Heavy adapters, absent on some machines, that a root loads only when they are asked for. */
const lazyFamilies = ['storage/rocksdb', 'drivers/docker']

/** Files of transport/ that do no I/O: the port itself, the codec, what gathers messages, what counts lines. Hosts may use their values. */
const pureTransport = ['transport', 'codec', 'batcher', 'shared', 'line-budget'].map((name) => `transport/${name}.ts`)

const portFiles = [
  'runtime/storage/storage.ts',
  'runtime/drivers/driver.ts',
  'runtime/health/prober.ts',
  'runtime/gauge/gauge.ts',
  'runtime/clock.ts',
  'runtime/random.ts',
  'runtime/logger.ts',
  // No ports, but as small and as free of everything: what a root takes, and a constant.
  'runtime/options.ts',
  'runtime/version.ts',
]
const rootFiles = [
  'runtime/index.ts',
  'runtime/open.ts',
  'runtime/open-troupe.ts',
  'runtime/hosts.ts',
  'runtime/inspector-files.ts',
  'runtime/connect.ts',
  'runtime/browser.ts',
  'runtime/conformance.ts',
]

/** The layer of a file, by its path from the root; undefined for one that has no place in the design. */
export function layerOf(path: string): Layer | undefined {
  const [top, folder, file] = path.split('/')
  if (top === 'inspector' && folder === 'chart' && file !== undefined) return 'chart'
  if (top === 'actors' || top === 'transport' || top === 'inspector') return top
  if (top === 'test' || top === 'scripts' || top === 'examples' || folder === undefined) return 'free'
  if (top !== 'runtime') return undefined
  if (portFiles.includes(path)) return 'port'
  if (rootFiles.includes(path) || folder === 'cli') return 'root'
  // The machine's own time and chance, wherever it stands: an adapter of Clock and Random. The token's file and
  // copies of a store are, too.
  const atTop = ['runtime/system.ts', 'runtime/token.ts', 'runtime/copy.ts']
  if (atTop.includes(path) || file === 'system.ts') return 'adapter'
  if (file === undefined) return undefined
  if (folder === 'storage' || folder === 'drivers') return 'adapter'
  if (folder === 'health' || folder === 'gauge') return 'adapter'
  if (folder === 'host' || folder === 'manager' || folder === 'worker' || folder === 'http') return 'host'
  if (folder === 'client' || folder === 'conformance') return folder
  return undefined
}

/** The technology that an adapter's file belongs to: `storage/rocksdb`, `drivers/docker`. A file beside the driver port, `drivers/…ts`, is no technology: every driver may use it. */
export function familyOf(path: string): string {
  const [, folder, name] = path.split('/')
  return `${folder}/${name?.replace(/\.ts$/, '')}`
}

/** The path from the root that a relative import of `from` names. */
export function resolveImport(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier)
}

/** One sentence on why `path` may not import this; undefined when it may. */
export function refuseImport(path: string, fact: ImportFact): string | undefined {
  const layer = layerOf(path)
  if (layer === undefined || layer === 'free') return undefined
  if (fact.specifier === undefined) {
    return layer === 'root' || layer === 'adapter'
      ? undefined
      : 'name the module in a plain string, so that it can be checked'
  }
  const { advice } = matrix[layer]
  if (!fact.specifier.startsWith('.')) {
    return mayUsePackage(path, layer, fact) ? undefined : `${fact.specifier} is not for this layer; ${advice}`
  }
  const target = resolveImport(path, fact.specifier)
  const targetLayer = layerOf(target)
  if (targetLayer === undefined || !mayUseFile(path, layer, target, targetLayer, fact)) {
    return `${target} is not for this layer; ${advice}`
  }
  if (layer === 'root' && !fact.dynamic && !fact.typeOnly && lazyFamilies.includes(familyOf(target))) {
    return `load ${target} by \`await import(…)\` where it is chosen: its library may be absent on this machine`
  }
  return undefined
}

function mayUsePackage(path: string, layer: Exclude<Layer, 'free'>, fact: ImportFact): boolean {
  const specifier = fact.specifier as string
  if (specifier.startsWith('node:')) {
    const { packages } = matrix[layer]
    return packages.includes('*') || packages.includes('node:*') || packages.includes(specifier)
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  const own = layer === 'adapter' ? (adapterPackages[familyOf(path)] ?? []) : []
  const { packages } = matrix[layer]
  return packages.includes('*') || packages.includes(name) || own.includes(name)
}

function mayUseFile(path: string, layer: Exclude<Layer, 'free'>, target: string, targetLayer: Layer, fact: ImportFact) {
  if (layer === 'adapter' && targetLayer === 'adapter')
    return familyOf(path) === familyOf(target) || isShared(path, target)
  if (layer === targetLayer) return layer !== 'port' || fact.typeOnly
  if (pureTransport.includes(target) && layer !== 'actors' && layer !== 'port') return true
  // The page is an application of the browser's root, as any other page would be.
  if (layer === 'inspector' && target === 'runtime/browser.ts') return true
  const { values, types } = matrix[layer]
  return values.includes(targetLayer) || (fact.typeOnly && types.includes(targetLayer))
}

/** Whether `target` stands beside the driver port and `path` is a driver. */
function isShared(path: string, target: string): boolean {
  return /^runtime\/drivers\/[^/]+\.ts$/.test(target) && /^runtime\/drivers\/[^/]+\//.test(path)
}
