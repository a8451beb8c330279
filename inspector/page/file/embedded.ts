/** What a standalone page bears within itself, as JSON in elements of its own. */

/** The data of the element with this id; undefined if there is none, or it is empty. */
export function embedded(id: 'troupe-charts' | 'troupe-elk' | 'troupe-embedded'): unknown {
  const text = document.getElementById(id)?.textContent ?? ''
  if (text.trim() === '') return undefined
  return JSON.parse(text) ?? undefined
}
