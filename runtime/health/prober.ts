/** The prober port: health checks over the network. A probe answers, and never rejects: what went wrong is its answer. */
import type { Probed } from '../../actors/health.ts'

export interface HttpProbe {
  /** An IP address. */
  readonly host: string
  readonly port: number
  readonly path: string
  /** The status that counts as well; absent: 200 to 399. */
  readonly expect?: number
  /** Aborting it gives the probe up; its answer then says so. */
  readonly signal: AbortSignal
}

export type TcpProbe = Pick<HttpProbe, 'host' | 'port' | 'signal'>

export interface Prober {
  /** A GET; only the status of the answer counts, and a redirection is not followed. */
  http(probe: HttpProbe): Promise<Probed>
  /** A connection, closed as soon as it is there. */
  tcp(probe: TcpProbe): Promise<Probed>
}
