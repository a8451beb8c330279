/** A registry for the engine to pull from: HTTP on 127.0.0.1, which engines trust without TLS. */
import { createHash, randomBytes } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { engineSocket, testImage } from './docker-fixture.ts'

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

export interface Registry {
  readonly host: string
  /** A new image in the registry: the test image and one layer that no engine has. Gives its reference. */
  publish(name: string): string
  /** Paths asked for, in order. */
  readonly requests: string[]
  /** Holds back the rest of every new layer until it is called with false. */
  hold(held: boolean): void
  /** Whether an engine has begun to load a new layer and waits for the rest. */
  isHolding(): boolean
  /** Every further request is answered with this status. */
  fail(status: number): void
  close(): Promise<void>
}

/** @param login `user:password` that every request must show; none by default */
export async function openRegistry(login?: string): Promise<Registry> {
  const base = await baseLayer()
  const blobs = new Map<string, Buffer>()
  const manifests = new Map<string, Buffer>()
  const fresh = new Set<string>()
  const requests: string[] = []
  const waiting = new Set<() => void>()
  let held = false
  let status = 0

  const add: Add = (bytes) => {
    blobs.set(digestOf(bytes), bytes)
    return { size: bytes.length, digest: digestOf(bytes) }
  }
  const server = http.createServer((request, response) => {
    const path = request.url ?? ''
    requests.push(`${request.method} ${path}`)
    if (status !== 0) return void response.writeHead(status).end()
    if (login !== undefined && request.headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`) {
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end()
    }
    const [, name, kind, id] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(path) ?? []
    if (path === '/v2/') return void response.end()
    const body = kind === 'blobs' ? blobs.get(id as string) : manifests.get(`${name}:${id}`)
    if (body === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' })
      return void response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }))
    }
    const type = kind === 'blobs' ? 'application/octet-stream' : 'application/vnd.docker.distribution.manifest.v2+json'
    const headers = { 'content-type': type, 'content-length': body.length, 'docker-content-digest': digestOf(body) }
    response.writeHead(200, headers)
    if (request.method === 'HEAD') return void response.end()
    if (!held || !fresh.has(id as string)) return void response.end(body)
    // An engine that waits for headers cannot be interrupted; one that waits for the rest of a layer lets go of it.
    const begun = 10
    response.write(body.subarray(0, begun))
    const answer = () => void response.end(body.subarray(begun))
    waiting.add(answer)
    response.on('close', () => waiting.delete(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    host,
    requests,
    publish(name) {
      const { manifest, layer } = imageOf(base, add)
      fresh.add(layer)
      const bytes = Buffer.from(JSON.stringify(manifest))
      // Engines resolve the tag first, and then ask for its digest.
      manifests.set(`${name}:1`, bytes).set(`${name}:${digestOf(bytes)}`, bytes)
      return `${host}/${name}:1`
    },
    hold(value) {
      held = value
      if (value) return
      for (const answer of waiting) answer()
      waiting.clear()
    },
    isHolding: () => waiting.size > 0,
    fail(value) {
      status = value
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

type Add = (bytes: Buffer) => { size: number; digest: string }

/** The manifest of a new image, and the digest of its layer that no engine has; `add` keeps the blobs. */
function imageOf(base: Buffer, add: Add): { manifest: object; layer: string } {
  const layer = tarOf('new', randomBytes(256))
  const layers = [base, layer].map((bytes) => ({
    mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    ...add(gzipSync(bytes, { level: 1 })),
  }))
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin'], Entrypoint: ['echo', 'entry'], Cmd: ['command'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(base), digestOf(layer)] },
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      ...add(Buffer.from(JSON.stringify(config))),
    },
    layers,
  }
  return { manifest, layer: layers[1]?.digest as string }
}

/** The only layer of the test image, out of what the engine saves of it. */
async function baseLayer(): Promise<Buffer> {
  const saved = await new Promise<Buffer>((resolve, reject) => {
    const path = `/images/${testImage}/get`
    http
      .get({ socketPath: engineSocket, path }, (response) => {
        const blocks: Buffer[] = []
        response.on('data', (block: Buffer) => blocks.push(block))
        response.on('end', () => resolve(Buffer.concat(blocks)))
      })
      .on('error', reject)
  })
  let largest: Buffer = Buffer.alloc(0)
  for (let at = 0; at + 512 <= saved.length; ) {
    const size = Number.parseInt(saved.toString('latin1', at + 124, at + 135).trim() || '0', 8)
    const body = saved.subarray(at + 512, at + 512 + size)
    if (body.length > largest.length) largest = body
    at += 512 + Math.ceil(size / 512) * 512
  }
  return largest
}

/** A tar of one file. */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`
  header.write(name, 0)
  header.write(octal(0o644, 7) + octal(0, 7) + octal(0, 7) + octal(content.length, 11) + octal(0, 11), 100)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  header.write(
    octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    ),
    148,
  )
  const padding = Buffer.alloc(1_024 + ((512 - (content.length % 512)) % 512))
  return Buffer.concat([header, content, padding])
}
