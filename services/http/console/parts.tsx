import { escapeUnsafe, parseIsoTime } from '../../model/index.ts'
import { CSRF_MEMBER } from './form.ts'
import { urlOf } from './page.ts'
import { type Child, Fragment, type Html, h } from './markup.ts'

/** Foreign text: what could make a page show something else than it says is written out, and it turns nothing around. */
export function Text({ children }: { readonly children: string }): Html {
  return <bdi>{escapeUnsafe(children, '')}</bdi>
}

/** The same of several lines. */
export function Lines({ children }: { readonly children: string }): Html {
  return (
    <pre tabindex={0}>
      <code>{escapeUnsafe(children, '\n\t')}</code>
    </pre>
  )
}

/** An instant, to the second for people and whole for machines. */
export function Time({ at }: { readonly at: string | null | undefined }): Html {
  if (at === null || at === undefined) return <span class="none">–</span>
  return <time datetime={at}>{at.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC')}</time>
}

const SPANS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** How long ago: `3 d`, `12 min`. */
export function Age({ at, nowMs }: { readonly at: string; readonly nowMs: number }): Html {
  const ms = Math.max(0, nowMs - isoMs(at))
  const [unit, size] = SPANS.find(([, span]) => ms >= span) ?? ['s', 1_000]
  return <time datetime={at}>{`${Math.floor(ms / size)} ${unit}`}</time>
}

/** Of an instant that the service itself wrote. */
export function isoMs(text: string): number {
  return parseIsoTime(text) ?? 0
}

/** The beginning of a digest or id; the whole of it is there to be copied and read out. */
export function Digest({ children: hex }: { readonly children: string }): Html {
  return (
    <code class="digest" title={hex}>
      {hex.length > 16 ? `${hex.slice(0, 12)}…` : hex}
    </code>
  )
}

/** To the page that explains a decision. */
export function DecisionLink({ id }: { readonly id: string }): Html {
  return (
    <a href={`/console/decisions/${encodeURIComponent(id)}`} aria-label={`why: decision ${id}`}>
      why
    </a>
  )
}

const GOOD = new Set(['compliant', 'allow', 'trusted', 'Active', 'passed', 'used', 'full', 'added'])
const BAD = new Set([
  'violating', 'refused', 'frozen', 'deny', 'tampered', 'untrusted', 'failed', 'Revoked', 'none', 'removed', 'refusal',
]) // prettier-ignore

/** How something stands, in a word that colour repeats and never replaces. */
export function State({ children: word }: { readonly children: string }): Html {
  const kind = GOOD.has(word) ? 'good' : BAD.has(word) ? 'bad' : 'open'
  return <span class={`state ${kind}`}>{escapeUnsafe(word, '')}</span>
}

export interface Column<Row> {
  readonly head: string
  readonly cell: (row: Row) => Child
  /** Names its row for readers of the table; the first column where none does. */
  readonly names?: true
}

interface TableProps<Row> {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  /** Instead of a table without rows. */
  readonly empty: string
}

/** A table that scrolls within itself on small screens, by keyboard too. */
export function Table<Row>({ caption, columns, rows, empty }: TableProps<Row>): Html {
  if (rows.length === 0)
    return (
      <p class="empty">
        <strong>{caption}:</strong> {empty}
      </p>
    )
  const naming = Math.max(
    0,
    columns.findIndex(({ names }) => names === true),
  )
  return (
    <div class="scroll" role="region" aria-label={caption} tabindex={0}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ head }) => (
              <th scope="col">{head}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {columns.map(({ cell }, at) =>
                at === naming ? <th scope="row">{cell(row)}</th> : <td>{cell(row)}</td>,
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** Names and values, one below the other. */
export function Facts({
  rows,
}: {
  readonly rows: readonly (readonly [name: string, value: Child])[]
}): Html {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

interface FieldProps {
  readonly label: string
  readonly name: string
  readonly value?: string | undefined
  readonly type?: 'text' | 'search' | 'number' | 'datetime-local'
  readonly required?: boolean
  readonly pattern?: string
  readonly maxlength?: number
  readonly min?: number
  readonly max?: number | string
  readonly step?: string
  readonly hint?: string
}

export function Field({ label, name, hint, type = 'text', ...input }: FieldProps): Html {
  const id = `field-${name}`
  const hintId = hint === undefined ? undefined : `${id}-hint`
  return (
    <p class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        name={name}
        type={type}
        aria-describedby={hintId}
        autocomplete="off"
        {...input}
      />
      {hint !== undefined && (
        <small id={hintId} class="hint">
          {hint}
        </small>
      )}
    </p>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly name: string
  readonly value: string | undefined
  readonly options: readonly (readonly [value: string, label: string])[]
}

export function Choice({ label, name, value, options }: ChoiceProps): Html {
  const id = `field-${name}`
  return (
    <p class="field">
      <label for={id}>{label}</label>
      <select id={id} name={name}>
        {options.map(([one, shown]) => (
          <option value={one} selected={one === (value ?? '')}>
            {shown}
          </option>
        ))}
      </select>
    </p>
  )
}

/** What every form that changes something carries, and what else it is to carry unseen. */
export function Hidden({
  csrf,
  members = {},
}: {
  readonly csrf: string
  readonly members?: Readonly<Record<string, string | undefined>>
}): Html {
  return (
    <Fragment>
      {Object.entries({ [CSRF_MEMBER]: csrf, ...members }).map(
        ([name, value]) => value !== undefined && <input type="hidden" name={name} value={value} />,
      )}
    </Fragment>
  )
}

/** To the page after this one, where there is one. */
export function More({
  to,
  query,
  marker,
}: {
  readonly to: string
  readonly query: Readonly<Record<string, string | undefined>>
  readonly marker: string | undefined
}): Html | null {
  if (marker === undefined) return null
  return (
    <p class="more">
      <a href={urlOf(to, { ...query, marker })}>Next page</a>
    </p>
  )
}

/** Something to read before anything else on the page. */
export function Notice({
  children,
  tone,
}: {
  readonly children: Child
  readonly tone: 'good' | 'bad' | 'open'
}): Html {
  return (
    <div class={`notice ${tone}`} role="status">
      {children}
    </div>
  )
}
