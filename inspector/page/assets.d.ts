declare module '*.css'
/** Where there is Node the codec uses its buffers; a page has none. */
declare const Buffer: undefined | { alloc(bytes: number): Uint8Array<ArrayBuffer> }
