import { h, type Html } from '../markup.ts'
import { DecisionLink, State, Table, Text, Time } from '../parts.tsx'
import { percent, type ToldDecision } from './words.ts'

interface Held {
  readonly version: string
  readonly weight: number
  readonly publishers?: readonly string[]
}

/** A change of `GET /history/diff`. */
export interface DiffRow {
  readonly functionName: string
  readonly alias: string
  readonly slot: string
  readonly kind: 'added' | 'removed' | 'changed'
  readonly before: Held | null
  readonly after: Held | null
  readonly by: {
    readonly at: string
    readonly principal: { readonly name: string } | null
    readonly decision: ToldDecision | null
  }
}

/** What differs between then and now, and by whom. */
export function DiffTable({
  rows,
  more,
}: {
  readonly rows: readonly DiffRow[]
  readonly more: boolean
}): Html {
  return (
    <section>
      <h2>From then to now</h2>
      <Table
        caption={more ? `The first ${rows.length} differences` : 'What is different now'}
        rows={rows}
        empty="nothing is different"
        columns={[
          {
            head: 'Name',
            cell: (row) => <Text>{`${row.functionName}:${row.alias}`}</Text>,
          },
          { head: 'What', cell: ({ kind }) => <State>{kind}</State> },
          { head: 'Then', cell: ({ before }) => held(before) },
          { head: 'Now', cell: ({ after }) => held(after) },
          { head: 'When', cell: ({ by }) => <Time at={by.at} /> },
          { head: 'By', cell: ({ by }) => <Text>{by.principal?.name ?? 'the service'}</Text> },
          {
            head: 'Decision',
            cell: ({ by }) => by.decision !== null && <DecisionLink id={by.decision.id} />,
          },
        ]}
      />
    </section>
  )
}

function held(one: Held | null): string {
  return one === null ? '–' : `${one.version} at ${percent(one.weight)}`
}
