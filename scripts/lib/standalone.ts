/** The page as one file that works from a disk, without a manager: nothing beside it is loaded. */

export interface StandaloneParts {
  /** The page that loads `app.js` and `app.css`. */
  readonly index: string
  readonly script: string
  readonly style: string
  /** Plain data, by the ids of the elements that bear it. */
  readonly data: Readonly<Record<string, unknown>>
}

const link = '<link rel="stylesheet" href="app.css" />'
const script = '<script type="module" src="app.js"></script>'
/** What `troupe chart --html` puts a document in the place of; see `embedDocument` of runtime/cli. */
export const emptyDocument = '<script type="application/json" id="troupe-embedded">null</script>'

/** Puts all into one page. Throws if the page does not load what is put in the place of. */
export function standalonePage({ index, script: code, style, data }: StandaloneParts): string {
  const elements = Object.entries(data).map(([id, value]) => jsonElement(id, value))
  const body = [...elements, emptyDocument].join('\n    ')
  const styled = replaced(index, link, `<style>${style.replaceAll('</style', '<\\/style')}</style>`)
  const bare = replaced(styled, script, '')
  // Last of all: it finds its data above itself.
  return replaced(bare, '</body>', `${body}\n    <script type="module">${scriptText(code)}</script>\n  </body>`)
}

/** JSON within a page: no sign of it can end the element. */
function jsonElement(id: string, value: unknown): string {
  return `<script type="application/json" id="${id}">${JSON.stringify(value).replaceAll('<', '\\u003c')}</script>`
}

/** Within strings, templates and patterns, where these can stand in code, the stroke changes nothing. */
const scriptText = (code: string): string => code.replaceAll(/<(?=\/script)/gi, '<\\').replaceAll('<!--', '<\\!--')

function replaced(text: string, part: string, by: string): string {
  if (text.split(part).length !== 2)
    throw new Error(`the page has "${part}" not just once; see scripts/lib/standalone.ts`)
  // By a function, for `$&` in what is put in means nothing.
  return text.replace(part, () => by)
}
