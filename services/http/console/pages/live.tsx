import { PlatformError, toIsoTime } from '../../../model/index.ts'
import type { Members } from '../form.ts'
import { Fragment, h, type Html } from '../markup.ts'
import { shellWord, urlOf, type Page, type PageAnswer, type Visit } from '../page.ts'
import {
  Age,
  Choice,
  DecisionLink,
  Digest,
  Field,
  More,
  Notice,
  State,
  Table,
  Text,
  Time,
} from '../parts.tsx'
import { DiffTable, type DiffRow } from './diff.tsx'
import { defined, percent } from './words.ts'

/** A row of `GET /live`. */
export interface LiveRow {
  readonly functionName: string
  readonly alias: string
  readonly slot: 'primary' | 'weighted'
  readonly version: string
  readonly weight: number
  readonly codeSha256: string
  readonly release: string
  readonly decisionId: string
  readonly verdict: string
  readonly publishers: readonly string[]
  readonly from: string
  readonly compliance: {
    readonly state: string
    readonly reasons: readonly { readonly rule: string }[]
  }
  readonly breakGlass: readonly { readonly id: string }[]
}

interface LiveAnswer {
  readonly at: string
  readonly live: readonly LiveRow[]
  readonly total: number
  readonly states: Readonly<Record<string, number>>
  readonly nextMarker?: string
}

const PAGE_ROWS = '100'
const DIFF_ROWS = '50'
const STATES = [
  'refused', 'frozen', 'violating', 'indeterminate', 'unjudged', 'excepted', 'reverted', 'compliant',
] as const // prettier-ignore

export const livePages: readonly Page[] = [{ method: 'GET', path: '/live', visit: visitLive }]

async function visitLive({ api, query, nowMs }: Visit): Promise<PageAnswer> {
  const { search, state, names = 'aliases', marker } = query
  const at = instantOf(query, nowMs)
  const asked = defined({ at, search, state, names, marker, limit: PAGE_ROWS })
  const answer = await api.get<LiveAnswer>('/live', { query: asked })
  const diff =
    at === undefined
      ? undefined
      : await api.get<{ readonly changes: readonly DiffRow[]; readonly nextMarker?: string }>(
          '/history/diff',
          { query: { from: at, to: toIsoTime(nowMs), limit: DIFF_ROWS } },
        )
  return {
    kind: 'page',
    title: at === undefined ? 'Live' : 'Live then',
    elsewhere: {
      api: urlOf('/live', asked),
      cli: `lacre live${at === undefined ? '' : ` --at ${shellWord(at)}`}`,
    },
    body: (
      <Fragment>
        <Ask query={query} at={at} nowMs={nowMs} />
        <Counts answer={answer} query={query} />
        <LiveTable rows={answer.live} nowMs={nowMs} caption={captionOf(answer, at)} />
        <More
          to="/console/live"
          query={defined({ ...query, marker: undefined })}
          marker={answer.nextMarker}
        />
        {diff && <DiffTable rows={diff.changes} more={diff.nextMarker !== undefined} />}
      </Fragment>
    ),
  }
}

function captionOf({ total, live, at }: LiveAnswer, asked: string | undefined): string {
  const when = asked === undefined ? 'now' : `at ${at}`
  return `What can be invoked ${when}: ${live.length} of ${total} rows`
}

const HOUR_MS = 3_600_000
const SPAN_HOURS = 30 * 24

/** `at` as an instant, or so many hours back by the slider. @throws PlatformError INVALID_PARAMETER */
function instantOf({ at, back }: Members, nowMs: number): string | undefined {
  if (at !== undefined) {
    // As a `datetime-local` field gives it: without a zone, and meant in UTC.
    return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?$/.test(at) ? `${at.padEnd(19, ':00')}Z` : at
  }
  if (back === undefined || back === '0') return undefined
  const hours = /^\d{1,4}$/.test(back) ? Number(back) : Number.NaN
  if (hours <= SPAN_HOURS) return toIsoTime(nowMs - hours * HOUR_MS)
  throw new PlatformError('INVALID_PARAMETER', `\`back\` is 0 to ${SPAN_HOURS} hours`)
}

function Ask({
  query,
  at,
  nowMs,
}: {
  readonly query: Members
  readonly at: string | undefined
  readonly nowMs: number
}): Html {
  return (
    <Fragment>
      <form class="ask" method="get" action="/console/live" role="search">
        <Field
          label="Function or alias"
          name="search"
          type="search"
          value={query['search']}
          maxlength={200}
        />
        <Choice
          label="How it stands"
          name="state"
          value={query['state']}
          options={[['', 'any'], ...STATES.map((state) => [state, state] as const)]}
        />
        <Choice
          label="Names"
          name="names"
          value={query['names'] ?? 'aliases'}
          options={[
            ['aliases', 'aliases'],
            ['all', 'versions and $LATEST too'],
          ]}
        />
        <Field
          label="At (UTC)"
          name="at"
          type="datetime-local"
          value={at?.slice(0, 19)}
          max={toIsoTime(nowMs).slice(0, 16)}
          step="1"
        />
        <button type="submit" class="first">
          Show
        </button>
      </form>
      <form class="ask" method="get" action="/console/live">
        <p class="field">
          <label for="back">{`Hours back, to ${SPAN_HOURS}`}</label>
          <input
            id="back"
            name="back"
            type="range"
            min={0}
            max={SPAN_HOURS}
            step="1"
            value={query['back'] ?? '0'}
          />
        </p>
        <button type="submit">Go back in time</button>
        {at !== undefined && (
          <p>
            Shown as of <Time at={at} />. <a href="/console/live">Back to now</a>
          </p>
        )}
      </form>
    </Fragment>
  )
}

function Counts({ answer, query }: { readonly answer: LiveAnswer; readonly query: Members }): Html {
  const red = answer.live.filter(({ breakGlass }) => breakGlass.length > 0)
  return (
    <Fragment>
      <p>
        {Object.entries(answer.states).map(([state, count]) => (
          <span>
            <a href={urlOf('/console/live', defined({ ...query, state, marker: undefined }))}>
              <State>{state}</State>
            </a>
            {` ${count} `}
          </span>
        ))}
        {query['state'] !== undefined && (
          <a
            href={urlOf(
              '/console/live',
              defined({ ...query, state: undefined, marker: undefined }),
            )}
          >
            all states
          </a>
        )}
      </p>
      {red.length > 0 && (
        <Notice tone="bad">
          <p>
            Break-glass that nobody has reviewed, on this page: {red.length}.{' '}
            <a href="/console/break-glass">Break-glass</a>
          </p>
        </Notice>
      )}
    </Fragment>
  )
}

interface LiveTableProps {
  readonly rows: readonly LiveRow[]
  readonly nowMs: number
  readonly caption: string
}

export function LiveTable({ rows, nowMs, caption }: LiveTableProps): Html {
  return (
    <Table
      caption={caption}
      rows={rows}
      empty="nothing that fits"
      columns={[
        { head: 'Name', cell: (row) => <NameCell row={row} />, names: true },
        { head: 'Version', cell: ({ version }) => version },
        { head: 'Weight', cell: ({ weight }) => percent(weight) },
        { head: 'Publisher', cell: ({ publishers }) => <Publishers names={publishers} /> },
        { head: 'Seals', cell: ({ verdict }) => <State>{verdict}</State> },
        { head: 'Stands', cell: ({ compliance }) => <State>{compliance.state}</State> },
        { head: 'Age', cell: ({ from }) => <Age at={from} nowMs={nowMs} /> },
        {
          head: 'Decision',
          cell: ({ decisionId }) => <DecisionLink id={decisionId} />,
        },
        { head: 'Code', cell: ({ codeSha256 }) => <Digest>{codeSha256}</Digest> },
      ]}
    />
  )
}

function NameCell({ row: { functionName, alias, breakGlass } }: { readonly row: LiveRow }): Html {
  return (
    <Fragment>
      <a href={`/console/functions/${encodeURIComponent(functionName)}`}>
        <Text>{`${functionName}:${alias}`}</Text>
      </a>
      {breakGlass.length > 0 && (
        <Fragment>
          {' '}
          <span class="state bad">break-glass</span>
        </Fragment>
      )}
    </Fragment>
  )
}

function Publishers({ names }: { readonly names: readonly string[] }): Html {
  if (names.length === 0) return <span class="none">none</span>
  return (
    <Fragment>
      {names.map((name, at) => (
        <Fragment>
          {at > 0 && ', '}
          <a href={`/console/publishers/${encodeURIComponent(name)}`}>
            <Text>{name}</Text>
          </a>
        </Fragment>
      ))}
    </Fragment>
  )
}
