/** Histories that were saved, and charts, opened from a file: without a manager, and nothing of it leaves the page. */
import './file.css'
import { useEffect, useRef, useState } from 'preact/hooks'
import { ChartView } from '../chart/chart-view.tsx'
import type { TaskPanel } from '../route.ts'
import { type Opened, openSaved, readSaved } from '../task/history-file.ts'
import { SaveHistory } from '../task/save-history.tsx'
import { TaskBody } from '../task/task-body.tsx'
import { Button } from '../ui/button.tsx'
import { formatMoment } from '../ui/format.ts'
import { embedded } from './embedded.ts'

interface Shown {
  /** Another one for each that is opened: two files may have one name. */
  readonly key: number
  readonly name: string
  readonly opened: Opened
}

/** What is opened stays while one looks at something else in the page. */
let last: Shown | undefined
let isEmbeddedRead = false

function first(): Shown | undefined {
  if (!isEmbeddedRead) {
    isEmbeddedRead = true
    const value = embedded('troupe-embedded')
    if (value !== undefined) last = { key: 0, name: '', opened: openSaved(value) }
  }
  return last
}

export function FileView() {
  const [shown, setShown] = useState(first)
  const [isOver, setOver] = useState(false)
  const show = async (file: File | undefined) => {
    if (file === undefined) return
    const opened = await read(file)
    last = { key: (last?.key ?? 0) + 1, name: file.name, opened }
    setShown(last)
  }
  useDrop({ onOver: setOver, onFile: (file) => void show(file) })
  return (
    <div class={isOver ? 'file file-over' : 'file'}>
      {shown === undefined || shown.opened.type === 'wrong' ? (
        <Gate
          wrong={shown?.opened.type === 'wrong' ? { name: shown.name, why: shown.opened.why } : undefined}
          onFile={show}
        />
      ) : (
        <Content key={shown.key} shown={shown} onFile={show} />
      )}
    </div>
  )
}

/** A larger file is no history of ours, in bytes. */
const fileBytesMax = 128 * 1_024 * 1_024

async function read(file: File): Promise<Opened> {
  if (file.size > fileBytesMax) return { type: 'wrong', why: 'It is larger than any history is.' }
  try {
    return readSaved(await file.text())
  } catch (error) {
    return { type: 'wrong', why: `It cannot be read: ${error instanceof Error ? error.message : String(error)}.` }
  }
}

interface OpensFiles {
  readonly onFile: (file: File | undefined) => Promise<void>
}

function Gate({ wrong, onFile }: OpensFiles & { readonly wrong: { name: string; why: string } | undefined }) {
  return (
    <div class="file-gate">
      <h1>Open a file</h1>
      <p>
        A task's history that was saved from its page, or a chart that <code>troupe chart FILE --json</code> wrote. Drop
        it here, or choose it. It stays on this machine.
      </p>
      {wrong === undefined ? undefined : (
        <p class="file-wrong" role="alert">
          {wrong.name === '' ? 'What this page bears' : <strong>{wrong.name}</strong>} cannot be opened. {wrong.why}
        </p>
      )}
      <Choose onFile={onFile} kind="primary">
        Choose a file
      </Choose>
    </div>
  )
}

function Choose({
  onFile,
  kind,
  children,
}: OpensFiles & { readonly kind: 'primary' | 'plain'; readonly children: string }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input}
        class="file-input"
        type="file"
        accept=".json,application/json"
        aria-label="A file"
        tabIndex={-1}
        onChange={(event) => {
          void onFile(event.currentTarget.files?.[0])
          // So that the same file can be chosen once more.
          event.currentTarget.value = ''
        }}
      />
      <Button kind={kind} onClick={() => input.current?.click()}>
        {children}
      </Button>
    </>
  )
}

function Content({ shown, onFile }: OpensFiles & { readonly shown: Shown }) {
  const { opened } = shown
  const [panel, setPanel] = useState<TaskPanel>('timeline')
  const [at, setAt] = useState<number>()
  const another = (
    <Choose onFile={onFile} kind="plain">
      Open another
    </Choose>
  )
  if (opened.type === 'history') {
    const { history, origin, unknown, savedAtMs } = opened
    return (
      <>
        <p class="file-note">Saved {formatMoment(savedAtMs)}; nothing here is live.</p>
        <TaskBody
          history={history}
          panel={panel}
          onPanel={setPanel}
          at={at}
          onAt={(index) => setAt(index)}
          unknown={unknown}
          actions={
            <>
              <SaveHistory history={history} origin={origin} />
              {another}
            </>
          }
        />
      </>
    )
  }
  if (opened.type !== 'chart') return undefined
  return (
    <>
      <div class="file-head">
        <h1>{opened.graph.id}</h1>
        {another}
      </div>
      <ChartView machine={opened.graph} value="" />
    </>
  )
}

interface Drops {
  readonly onOver: (isOver: boolean) => void
  readonly onFile: (file: File | undefined) => void
}

/** A file may be dropped anywhere in the page; without this the browser would leave the page for it. */
function useDrop({ onOver, onFile }: Drops): void {
  const newest = useRef(onFile)
  newest.current = onFile
  useEffect(() => {
    const listening = new AbortController()
    const { signal } = listening
    const on = (type: 'dragover' | 'dragleave' | 'drop', then: (event: DragEvent) => void) =>
      addEventListener(
        type,
        (event) => {
          event.preventDefault()
          then(event)
        },
        { signal },
      )
    on('dragover', () => onOver(true))
    on('dragleave', () => onOver(false))
    on('drop', (event) => {
      onOver(false)
      newest.current(event.dataTransfer?.files[0])
    })
    return () => listening.abort()
  }, [])
}
