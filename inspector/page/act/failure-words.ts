/** What a refused or unanswered act is to people. */
import { TroupeError } from '../../../actors/protocol/errors.ts'

export interface ActFailure {
  readonly text: string
  /** Nobody knows whether it was done. */
  readonly isUnknown: boolean
}

export function failureOf(error: unknown): ActFailure {
  if (!(error instanceof TroupeError)) {
    return { text: error instanceof Error ? error.message : String(error), isUnknown: false }
  }
  if (error.code === 'OutcomeUnknown') {
    return {
      text: `It was sent, but no answer came: whether it was done is not known. ${sentence(error.message)}`,
      isUnknown: true,
    }
  }
  if (error.code === 'Forbidden') return { text: 'The token that opened this page may only look.', isUnknown: false }
  return { text: sentence(error.message), isUnknown: false }
}

/** As the manager puts it: `image is only for the docker driver`. The field is where in the spec it is. */
export function fieldOf(message: string): string | undefined {
  return (
    /\bspec\/([A-Za-z]+)/.exec(message)?.[1] ??
    /^(?:the )?([a-z][A-Za-z]+) (?:must|is|has|lacks|cannot)\b/i.exec(message)?.[1]
  )
}

/** The same where it stands at its field, which need not be named again. */
export function atField(message: string): string {
  const rest = /\bspec\/[^ ]+ (.*)$/s.exec(message)?.[1]
  return rest === undefined ? message : `It ${rest}`
}

/** With its first letter and its end as a sentence has them. */
export function sentence(text: string): string {
  const begun = `${text.charAt(0).toUpperCase()}${text.slice(1)}`
  return /[.!?]$/.test(begun) ? begun : `${begun}.`
}
