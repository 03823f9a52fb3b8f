import type { DecisionCheck } from '../../../model/index.ts'
import { Fragment, h, type Child, type Html } from '../markup.ts'
import { State, Table, Text } from '../parts.tsx'

const ORDER = ['failed', 'warned', 'passed', 'skipped'] as const

/** Every rule that was looked at: what it wants beside what it got, and what to do about it. */
export function ChecksTable({
  checks,
  caption,
}: {
  readonly checks: readonly DecisionCheck[]
  readonly caption: string
}): Html {
  const sorted = ORDER.flatMap((status) => checks.filter((check) => check.status === status))
  return (
    <Table
      caption={caption}
      rows={sorted}
      empty="nothing was to be checked"
      columns={[
        { head: 'Rule', cell: ({ rule }) => <Text>{rule}</Text>, names: true },
        { head: 'Result', cell: ({ status }) => <State>{status}</State> },
        { head: 'Expected', cell: ({ expected }) => <Text>{expected}</Text> },
        { head: 'Got', cell: (check) => got(check) },
        { head: 'What to do', cell: ({ fix }) => fix !== undefined && <Text>{fix}</Text> },
        { head: 'Of', cell: ({ subject }) => <Text>{subject}</Text> },
      ]}
    />
  )
}

function got({ got: found, nearest, exceptions }: DecisionCheck): Child {
  return (
    <Fragment>
      <Text>{found}</Text>
      {nearest !== undefined && (
        <p class="quiet">
          {'nearest: '}
          <Text>{nearest}</Text>
        </p>
      )}
      {exceptions !== undefined && (
        <p>
          {'waived by '}
          {exceptions.map((id) => (
            <a href={`/console/break-glass/${encodeURIComponent(id)}`}>{id}</a>
          ))}
        </p>
      )}
    </Fragment>
  )
}
