/** Certificates for tests, made afresh by `openssl`, with an authority of their own. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CertificateFiles } from '../../transport/websocket.ts'

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export class Authority {
  readonly dir = mkdtempSync(join(tmpdir(), 'troupe-authority-'))
  /** In PEM. */
  readonly ca: string
  readonly caFile = join(this.dir, 'authority.pem')
  readonly #keyFile = join(this.dir, 'authority.key.pem')

  constructor() {
    this.#openssl('req', '-x509', ...curve, '-subj', "/CN=a test's authority", '-days', '2', '-out', this.caFile)
    this.ca = readFileSync(this.caFile, 'utf8')
  }

  /** For these names, `DNS:localhost` and `IP:127.0.0.1` for instance; written to the files of `name`. */
  issue(name: string, altNames: string): CertificateFiles {
    const at = (ending: string) => join(this.dir, `${name}.${ending}`)
    const files = { certFile: at('pem'), keyFile: at('key.pem') }
    writeFileSync(at('ext'), `subjectAltName=${altNames}\n`)
    this.#openssl('req', ...curve, '-subj', `/CN=${name}`, '-out', at('csr'), '-keyout', files.keyFile)
    const signed = ['-CA', this.caFile, '-CAkey', this.#keyFile, '-CAcreateserial', '-days', '2', '-extfile', at('ext')]
    this.#openssl('x509', '-req', '-in', at('csr'), ...signed, '-out', files.certFile)
    return files
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true })
  }

  #openssl(...args: string[]): void {
    const key = args.includes('-x509') ? ['-keyout', this.#keyFile] : []
    execFileSync('openssl', [...args, ...key], { stdio: 'pipe' })
  }
}
