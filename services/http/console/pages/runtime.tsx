import type { DoctorReport } from '../../../operations/index.ts'
import { Fragment, h, type Html } from '../markup.ts'
import { shellWord, urlOf, type Page, type PageAnswer, type Visit } from '../page.ts'
import { duration, LatencyPart, spanOf, type LatencyAnswer } from './latency.tsx'
import { defined } from './words.ts'
import { Facts, Notice, State, Table, Text, Time } from '../parts.tsx'

/** The answer of `GET /runtime`. */
interface RuntimeAnswer {
  readonly environments: Readonly<
    Record<'environments' | 'busy' | 'idle' | 'started' | 'reset', number>
  >
  readonly since: string
  readonly functions: readonly {
    readonly functionName: string
    readonly outcomes: Readonly<Record<string, number>>
    readonly meanMs: number | null
    readonly p50Ms: number | null
    readonly p95Ms: number | null
  }[]
}
interface Verification {
  readonly world: number
  readonly verified?: { readonly world: number; readonly atMs: number; readonly durationMs: number }
  readonly states?: Readonly<Record<string, number>>
  readonly fault?: string
}

export const runtimePages: readonly Page[] = [
  { method: 'GET', path: '/runtime', visit: visitRuntime },
]

async function visitRuntime({ api, query, nowMs }: Visit): Promise<PageAnswer> {
  const { since, from } = spanOf(query, nowMs)
  const asked = defined({ functionName: query['function'], from })
  const latency = await api.getIfAllowed<LatencyAnswer>('/usage/latency', { query: asked })
  const name = asked['functionName'] === undefined ? '' : ` ${shellWord(asked['functionName'])}`
  const runtime = await api.get<RuntimeAnswer>('/runtime')
  const doctor = await api.get<DoctorReport>('/doctor')
  const verification = await api.getIfAllowed<Verification>('/verification')
  return {
    kind: 'page',
    title: 'Runtime',
    elsewhere: {
      api: urlOf('/usage/latency', asked),
      cli: `lacre usage${name} --latency --since ${since}; lacre doctor`,
    },
    body: (
      <Fragment>
        <Isolation doctor={doctor} />
        {latency && <LatencyPart latency={latency} query={query} since={since} />}
        <h2>The service</h2>
        <Facts
          rows={[
            ['Environments', counts(runtime.environments)],
            ['Policy set', <Text>{doctor.policySet}</Text>],
            ['Ledger', <Text>{`${doctor.ledger.size} entries, ${doctor.ledger.origin}`}</Text>],
            ['Master key', <Text>{doctor.masterKey.source}</Text>],
            ['Stopped cleanly last time', doctor.uncleanShutdown ? 'no' : 'yes'],
            [
              'All that is live judged',
              verification?.verified === undefined
                ? 'not yet'
                : `in world ${verification.verified.world} of ${verification.world}, in ${verification.verified.durationMs} ms`,
            ],
          ]}
        />
        <Table
          caption="Invocations since the service started"
          rows={runtime.functions}
          empty="nothing was called yet"
          columns={[
            {
              head: 'Function',
              cell: ({ functionName }) => (
                <a href={`/console/functions/${encodeURIComponent(functionName)}`}>
                  <Text>{functionName}</Text>
                </a>
              ),
            },
            { head: 'Outcomes', cell: ({ outcomes }) => <Text>{counts(outcomes)}</Text> },
            { head: 'Mean', cell: ({ meanMs }) => duration(meanMs) },
            { head: 'Half within', cell: ({ p50Ms }) => duration(p50Ms) },
            { head: '95 % within', cell: ({ p95Ms }) => duration(p95Ms) },
          ]}
        />
        <p class="quiet">
          {'Counted since '}
          <Time at={runtime.since} />. Percentiles are the upper ends of the histogram's buckets.
        </p>
      </Fragment>
    ),
  }
}

function Isolation({ doctor: { isolation } }: { readonly doctor: DoctorReport }): Html {
  const { level, driver, missing } = isolation
  return (
    <Notice tone={level === 'full' ? 'good' : 'bad'}>
      <p>
        {'Isolation: '}
        <State>{level}</State>
        {` by ${driver}`}
        {missing.length > 0 && `; missing: ${missing.join(', ')}`}
      </p>
    </Notice>
  )
}

function counts(of: Readonly<Record<string, number>>): string {
  return Object.entries(of)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
