/** The listener's certificate: read from its two files, and read again when they change, for certificates are renewed. */
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { TransportError } from '../transport.ts'
import type { CertificateFiles, WebsocketContext } from './context.ts'

export interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
}

export const certificateLimits = {
  /** How often the files are looked at for a renewed certificate, in milliseconds. */
  lookMs: 60_000,
} as const

/** Rejects with TransportError `certificate`, which says what is wrong with which file. */
export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readPem(certFile, 'certificate'), readPem(keyFile, 'private key')])
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const why = `${certFile} and ${keyFile} are no certificate with its private key (${(error as Error).message}).`
    throw new TransportError('certificate', `${why} Give the two PEM files that belong together.`, { cause: error })
  }
  return { cert, key }
}

async function readPem(file: string, what: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    const why = `The ${what} ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}).`
    throw new TransportError('certificate', `${why} Give a PEM file that this user may read.`, { cause: error })
  }
}

/**
 * Calls back with each certificate that replaces `current` in the files; connections that stand are not touched. What cannot be
 * read, as while the two files are being written, is said once and looked at again. Returns what ends it.
 */
export function followCertificate(
  files: CertificateFiles,
  current: Certificate,
  { clock, logger }: WebsocketContext,
  renewed: (certificate: Certificate) => void,
): () => void {
  let known = current
  let told = ''
  let ended = false
  let cancel = (): void => {}
  const look = async (): Promise<void> => {
    try {
      const found = await readCertificate(files)
      if (ended) return
      told = ''
      if (found.cert.equals(known.cert) && found.key.equals(known.key)) return
      known = found
      renewed(found)
    } catch (error) {
      const { message } = error as Error
      if (message !== told) logger.warn('The renewed certificate cannot be used; the one before goes on.', { message })
      told = message
    }
  }
  const wait = (): void => {
    cancel = clock.setTimer(() => {
      void look().finally(() => {
        if (!ended) wait()
      })
    }, certificateLimits.lookMs)
  }
  wait()
  return () => {
    ended = true
    cancel()
  }
}
