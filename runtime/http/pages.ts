/**
 * The files of a web page, served from memory: a map of known names and no folder, so that no path leads anywhere else.
 * They hold no data and need no token; what the page shows it asks for over the WebSocket, with one.
 */
import { gzip } from 'node:zlib'
import type { HttpAnswer, HttpRequest } from '../../transport/transport.ts'

export interface PageFile {
  readonly bytes: Uint8Array
  /** Of the bytes: different bytes, different digest. Letters, digits, `-` and `_`. */
  readonly digest: string
}

export const pageLimits = {
  /** A smaller file is not worth compressing, in bytes. */
  gzipBytesMin: 1_024,
} as const

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
  png: 'image/png',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
}

const endingOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1)

/** Whether a file of this name is served at all. */
export const isPageFile = (name: string): boolean =>
  /^[\w-][\w.-]*\.\w+$/.test(name) && Object.hasOwn(types, endingOf(name))

const indexName = 'index.html'
/** Opens from the disk with all it needs in it. Here, where scripts in a page are not run, it is for saving. */
const standaloneName = 'standalone.html'

const guards = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // Windows that the page opens may answer it; others get no hold of it.
  'cross-origin-opener-policy': 'same-origin-allow-popups',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
}

/** A host as browsers send it; brackets of IPv6 are not for this header, and there `'self'` has to do. */
const plainHost = /^[A-Za-z0-9.-]+(:\d{1,5})?$/

/** Nothing from anywhere but here. `'self'` means the WebSocket as well, but not to every browser, so it is named. */
function policyFor(host: string | undefined): string {
  const sockets = host !== undefined && plainHost.test(host) ? ` ws://${host} wss://${host}` : ''
  return [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    `connect-src 'self'${sockets}`,
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

const sentence = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): HttpAnswer => ({
  status,
  headers: {
    ...guards,
    'content-security-policy': policyFor(undefined),
    'content-type': types.txt as string,
    ...headers,
  },
  body: new TextEncoder().encode(`${text}\n`),
})

/** `load` is called at the first request, and again after it has failed or found nothing. */
export function createPages(
  load: () => Promise<ReadonlyMap<string, PageFile>>,
): (request: HttpRequest) => Promise<HttpAnswer> {
  let loading: Promise<Pages> | undefined
  const pages = async (): Promise<Pages> => {
    loading ??= load().then((files) => new Pages(files))
    try {
      const loaded = await loading
      if (loaded.isEmpty) loading = undefined
      return loaded
    } catch (error) {
      loading = undefined
      throw error
    }
  }
  return async (request) => (await pages()).answer(request)
}

class Pages {
  readonly #files: ReadonlyMap<string, PageFile>
  /** Each is compressed once, when it is first wanted so. */
  readonly #zipped = new Map<string, Promise<Uint8Array>>()

  constructor(files: ReadonlyMap<string, PageFile>) {
    this.#files = files
  }

  get isEmpty(): boolean {
    return !this.#files.has(indexName)
  }

  async answer({ method, path, headers }: HttpRequest): Promise<HttpAnswer> {
    if (method !== 'GET' && method !== 'HEAD') {
      return sentence(405, 'Only GET and HEAD are answered here; all else goes over the WebSocket.', {
        allow: 'GET, HEAD',
      })
    }
    const name = path === '/' ? indexName : path.slice(1)
    const file = path.startsWith('/') && isPageFile(name) ? this.#files.get(name) : undefined
    if (file !== undefined) return this.#file(name, file, headers)
    if (this.isEmpty && name === indexName) {
      return sentence(
        404,
        'This build of Troupe has no inspector; "npm run build" makes one. The manager itself is well.',
      )
    }
    return sentence(404, 'There is nothing here; the inspector is at /.')
  }

  async #file(name: string, file: PageFile, asked: HttpRequest['headers']): Promise<HttpAnswer> {
    const zipped = takesGzip(asked['accept-encoding']) ? await this.#gzip(name, file) : undefined
    const etag = `"${file.digest}${zipped === undefined ? '' : '-gz'}"`
    const headers: Record<string, string> = {
      ...guards,
      'content-security-policy': policyFor(asked.host),
      etag,
      vary: 'accept-encoding',
    }
    if (isKnown(asked['if-none-match'], etag)) return { status: 304, headers, body: new Uint8Array() }
    headers['content-type'] = types[endingOf(name)] as string
    if (zipped !== undefined) headers['content-encoding'] = 'gzip'
    if (name === standaloneName) headers['content-disposition'] = 'attachment; filename="troupe-inspector.html"'
    return { status: 200, headers, body: zipped ?? file.bytes }
  }

  #gzip(name: string, { bytes }: PageFile): Promise<Uint8Array> | undefined {
    const isPacked = /^(png|ico|woff2)$/.test(endingOf(name))
    if (isPacked || bytes.length < pageLimits.gzipBytesMin) return undefined
    const known = this.#zipped.get(name)
    if (known !== undefined) return known
    const zipped = new Promise<Uint8Array>((resolve, reject) => {
      gzip(bytes, (error, packed) => (error ? reject(error) : resolve(packed)))
    })
    this.#zipped.set(name, zipped)
    return zipped
  }
}

/** Whether gzip is named, and not with a weight of 0 (RFC 9110, section 12.5.3). */
function takesGzip(accepted = ''): boolean {
  return accepted
    .toLowerCase()
    .split(',')
    .some((part) => {
      const [coding = '', weight] = part.split(';').map((text) => text.trim())
      return coding === 'gzip' && !/^q=0(\.0*)?$/.test(weight ?? '')
    })
}

/** Whether the asker has it already; compared weakly, as RFC 9110, section 13.1.2, says. */
function isKnown(given: string | undefined, etag: string): boolean {
  const names = given?.split(',').map((one) => one.trim()) ?? []
  return names.some((name) => name === '*' || name.replace(/^W\//, '') === etag)
}
