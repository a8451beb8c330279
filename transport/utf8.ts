/**
 * Whether these bytes are UTF-8, by table 3-7 of the Unicode Standard, without making a string of them. Our own, for
 * `isUtf8` is only in Node, and `TextDecoder` allocates; text that is ASCII, nearly all, costs one comparison a byte.
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    const lead = bytes[at++] as number
    if (lead < 0x80) continue
    if (lead < 0xc2 || lead > 0xf4) return false
    const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3
    if (more > end - at) return false
    const second = bytes[at] as number
    // Neither longer than need be, nor a surrogate, nor beyond U+10FFFF.
    if (lead === 0xe0 ? second < 0xa0 : lead === 0xf0 && second < 0x90) return false
    if (lead === 0xed ? second > 0x9f : lead === 0xf4 && second > 0x8f) return false
    for (const last = at + more; at < last; at++) if (((bytes[at] as number) & 0xc0) !== 0x80) return false
  }
  return true
}
