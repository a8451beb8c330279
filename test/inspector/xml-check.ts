/** A small and strict reader of XML, which takes only what an SVG of ours may hold; it throws at anything else. */

export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Element[]
  text: string
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

export function parseXml(xml: string): Element {
  const top: Element = { name: '', attributes: {}, children: [], text: '' }
  const open = [top]
  const token = /<(\/?)([a-zA-Z][\w:-]*)((?:\s+[a-zA-Z][\w:-]*="[^"<]*")*)\s*(\/?)>|([^<]+)/gy
  let at = 0
  while (at < xml.length) {
    token.lastIndex = at
    const found = token.exec(xml)
    if (found === null) throw new Error(`not well-formed at ${at}: ${xml.slice(at, at + 80)}`)
    at = token.lastIndex
    const [, closing, name = '', attributes = '', empty, text] = found
    const parent = open.at(-1) as Element
    if (text !== undefined) parent.text += unescapeXml(text)
    else if (closing) {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes another element at ${at}`)
    } else {
      const element = { name, attributes: readAttributes(attributes), children: [], text: '' }
      parent.children.push(element)
      if (!empty) open.push(element)
    }
  }
  if (open.length > 1 || top.children.length !== 1 || top.text.trim() !== '') throw new Error('not one whole element')
  return top.children[0] as Element
}

/** An element and all within it. */
export function* elementsWithin(element: Element): Iterable<Element> {
  yield element
  for (const child of element.children) yield* elementsWithin(child)
}

function readAttributes(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([a-zA-Z][\w:-]*)="([^"]*)"/g)].map(
    ([, key = '', value = '']) => [key, value] as const,
  )
  const attributes = Object.fromEntries(pairs.map(([key, value]) => [key, unescapeXml(value)]))
  if (Object.keys(attributes).length !== pairs.length) throw new Error(`an attribute twice in ${text}`)
  return attributes
}

function unescapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(text)) throw new Error(`a sign that XML has not: ${text}`)
  return text.replace(/&([^;]*);|&/g, (whole, name: string | undefined) => {
    const sign = name === undefined ? undefined : entities[name]
    if (sign === undefined) throw new Error(`an unknown entity: ${whole}`)
    return sign
  })
}
