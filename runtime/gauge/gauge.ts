/** The gauge port: what the whole machine uses. It is told to people, and a scheduler may heed it. */

/** What a machine used up to now, and uses now. */
export interface MachineReading {
  /** CPU time that all its cores have spent on anything since some moment in the past, in milliseconds. */
  readonly cpuBusyMs: number
  /** Memory in use, without what the kernel can give up at once, in bytes. */
  readonly memoryBytes: number
  /** Processes that run or wait to run, averaged over a minute. */
  readonly load1: number
  /** Free on the file system of the worker's folder, in bytes; absent where it is not known. */
  readonly diskFreeBytes?: number
  /** The whole of that file system, in bytes. */
  readonly diskTotalBytes?: number
}

export interface Gauge {
  /** Rejects if the machine cannot be asked. */
  read(): Promise<MachineReading>
}
