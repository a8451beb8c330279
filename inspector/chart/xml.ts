/** Text as XML takes it. */

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Of what XML 1.0 has no way to write there is only a sign left. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for.
const unwritable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/gu

/** For element content and for attributes alike. */
export const escapeXml = (text: string): string =>
  text
    .replace(unwritable, '\ufffd')
    .replace(/[\t\n\r]/g, ' ')
    .replace(/[&<>"']/g, (sign) => escapes[sign] ?? sign)

/** An element with its attributes; those that are undefined are left out. `content` is XML already. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  content = '',
): string {
  const pairs = Object.entries(attributes).filter(([, value]) => value !== undefined)
  const written = pairs.map(([key, value]) => ` ${key}="${escapeXml(String(value))}"`).join('')
  return content === '' ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`
}
