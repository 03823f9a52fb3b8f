import { toIsoTime } from '../../../model/index.ts'
import { BarChart, LineChart } from '../chart.tsx'
import { Fragment, h, type Html } from '../markup.ts'
import { urlOf } from '../page.ts'
import { Choice, Field, Table, Text, Time } from '../parts.tsx'
import type { Members } from '../form.ts'

interface Taken {
  readonly attempts: number
  readonly errors: number
  readonly p50Ms: number | null
  readonly p90Ms: number | null
  readonly p99Ms: number | null
}

/** The answer of `GET /usage/latency`. */
export interface LatencyAnswer {
  readonly from: string
  readonly until: string
  readonly slotMs: number
  readonly slots: readonly (Taken & { readonly at: string })[]
  readonly functions: readonly (Taken & { readonly functionName: string })[]
}

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
/** What can be looked at, by the name that the command takes. */
const SPANS = [
  ['1h', HOUR_MS],
  ['3h', 3 * HOUR_MS],
  ['12h', 12 * HOUR_MS],
  ['1d', 24 * HOUR_MS],
  ['7d', 168 * HOUR_MS],
] as const
const [, ORDINARY] = SPANS
const SLOT_ROWS_LIMIT = 72

/** The window that a query asks for, until now. */
export function spanOf({ span }: Members, nowMs: number): { since: string; from: string } {
  const [since, spanMs] = SPANS.find(([name]) => name === span) ?? ORDINARY
  return { since, from: toIsoTime(nowMs - spanMs) }
}

/** How long attempts took and how many failed: over time, and by function with the worst first. */
export function LatencyPart({
  latency,
  query,
  since,
}: {
  readonly latency: LatencyAnswer
  readonly query: Members
  readonly since: string
}): Html {
  const ran = latency.slots.some(({ attempts }) => attempts > 0)
  return (
    <Fragment>
      <h2>How long attempts take</h2>
      <form class="ask" method="get" action="/console/runtime">
        <Field
          label="Function"
          name="function"
          value={query['function']}
          pattern="[a-zA-Z0-9_\-]{1,64}"
        />
        <Choice
          label="Of the last"
          name="span"
          value={since}
          options={SPANS.map(([name]) => [name, name] as const)}
        />
        <button type="submit" class="first">
          Show
        </button>
      </form>
      {ran ? <Charts latency={latency} /> : <p class="empty">Nothing ran in that time.</p>}
      <Functions latency={latency} since={since} />
    </Fragment>
  )
}

function Charts({
  latency: { slots, slotMs, from, until },
}: {
  readonly latency: LatencyAnswer
}): Html {
  const ends = [minuteOf(from), minuteOf(until)] as const
  const attempts = slots.reduce((sum, one) => sum + one.attempts, 0)
  const errors = slots.reduce((sum, one) => sum + one.errors, 0)
  const worst = Math.max(...slots.map(({ p99Ms }) => p99Ms ?? 0))
  const slot = `${slotMs / MINUTE_MS} min`
  return (
    <Fragment>
      <LineChart
        label={`Duration every ${slot} from ${from} to ${until}; 99 % of attempts within ${duration(worst)} at the worst. The table below has the numbers.`}
        ends={ends}
        format={duration}
        series={[
          { label: '50 % within', values: slots.map(({ p50Ms }) => p50Ms) },
          { label: '90 % within', values: slots.map(({ p90Ms }) => p90Ms) },
          { label: '99 % within', values: slots.map(({ p99Ms }) => p99Ms) },
        ]}
      />
      <h3>{`Attempts, and those that failed: ${errors} of ${attempts}`}</h3>
      <BarChart
        label={`Attempts every ${slot}: ${attempts} in all, of which ${errors} failed. The table below has the numbers.`}
        ends={ends}
        bars={slots.map((one) => ({ all: one.attempts, part: one.errors }))}
      />
      <details>
        <summary>The numbers</summary>
        <Table
          caption={`Every ${slot}, the latest first`}
          rows={slots
            .filter((one) => one.attempts > 0)
            .toReversed()
            .slice(0, SLOT_ROWS_LIMIT)}
          empty="nothing ran"
          columns={[{ head: 'From', cell: ({ at }) => <Time at={at} /> }, ...takenColumns]}
        />
      </details>
      <p class="quiet">
        Without INIT, true to 15 %, as far back as single attempts are kept; times in UTC.
      </p>
    </Fragment>
  )
}

const takenColumns = [
  { head: 'Attempts', cell: ({ attempts }: Taken) => attempts },
  { head: 'Failed', cell: ({ errors }: Taken) => errors },
  { head: '50 % within', cell: ({ p50Ms }: Taken) => duration(p50Ms) },
  { head: '90 % within', cell: ({ p90Ms }: Taken) => duration(p90Ms) },
  { head: '99 % within', cell: ({ p99Ms }: Taken) => duration(p99Ms) },
] as const

const FUNCTION_ROWS = 50

function Functions({
  latency,
  since,
}: {
  readonly latency: LatencyAnswer
  readonly since: string
}): Html {
  const worst = latency.functions.toSorted(
    (a, b) => b.errors - a.errors || (b.p99Ms ?? 0) - (a.p99Ms ?? 0),
  )
  const shown = worst.slice(0, FUNCTION_ROWS)
  return (
    <Table
      caption={`Functions in the last ${since}, those that fail and are slow first: ${shown.length} of ${worst.length}`}
      rows={shown}
      empty="nothing ran"
      columns={[
        {
          head: 'Function',
          cell: ({ functionName }) => (
            <a href={urlOf('/console/runtime', { function: functionName, span: since })}>
              <Text>{functionName}</Text>
            </a>
          ),
        },
        ...takenColumns,
        {
          head: 'Log',
          cell: ({ functionName }) => (
            <a
              href={urlOf('/console/logs', { function: functionName })}
              aria-label={`log of ${functionName}`}
            >
              log
            </a>
          ),
        },
      ]}
    />
  )
}

/** `05-03 14:00` of an instant. */
function minuteOf(at: string): string {
  return at.slice(5, 16).replace('T', ' ')
}

/** Milliseconds, or seconds where they are many. */
export function duration(ms: number | null): string {
  if (ms === null) return '–'
  const [value, unit] = ms < 1_000 ? [ms, 'ms'] : [ms / 1_000, 's']
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ${unit}`
}
