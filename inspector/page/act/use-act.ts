/** Doing something, and telling what came of it: also to who does not see it. */
import { useRef, useState } from 'preact/hooks'
import type { Troupe } from '../../../runtime/browser.ts'
import { troupe } from '../connection.ts'
import { announce } from '../ui/announce.ts'
import { type ActFailure, failureOf } from './failure-words.ts'

export interface Act {
  readonly busy: boolean
  readonly failure: ActFailure | undefined
  /** `work` resolves with what is to be told. True: it was done. */
  readonly run: (work: (opened: Troupe) => Promise<string>) => Promise<boolean>
  readonly fail: (text: string) => void
  readonly clear: () => void
}

export function useAct(): Act {
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<ActFailure>()
  // Two presses in one frame are one.
  const isBusy = useRef(false)
  const tell = (told: ActFailure) => {
    setFailure(told)
    announce(told.text)
  }
  const run = async (work: (opened: Troupe) => Promise<string>): Promise<boolean> => {
    const opened = troupe.peek()
    if (opened === undefined || isBusy.current) return false
    isBusy.current = true
    setBusy(true)
    setFailure(undefined)
    try {
      announce(await work(opened))
      return true
    } catch (error) {
      tell(failureOf(error))
      return false
    } finally {
      isBusy.current = false
      setBusy(false)
    }
  }
  const fail = (text: string) => tell({ text, isUnknown: false })
  return { busy, failure, run, fail, clear: () => setFailure(undefined) }
}
