import { clientLimits } from '../../../actors/protocol/client.ts'

/** What bounds the streams of a manager. A test may make them small; clients are promised the defaults. */
export interface StreamLimits {
  readonly streamPageBytes: number
  readonly behindCommitsMax: number
  readonly snapshotFinalMax: number
  readonly snapshotEventsMax: number
  readonly markMs: number
  readonly stalledMs: number
  /** Commits that are kept in memory for those who are a little behind, for all of them together. */
  readonly recentCommitsMax: number
  /** The same in bytes, roughly. */
  readonly recentBytesMax: number
}

export const streamLimits: StreamLimits = {
  streamPageBytes: clientLimits.streamPageBytes,
  behindCommitsMax: clientLimits.behindCommitsMax,
  snapshotFinalMax: clientLimits.snapshotFinalMax,
  snapshotEventsMax: clientLimits.snapshotEventsMax,
  markMs: clientLimits.markMs,
  stalledMs: clientLimits.stalledMs,
  recentCommitsMax: 8_192,
  recentBytesMax: 16 * 1_024 * 1_024,
}
