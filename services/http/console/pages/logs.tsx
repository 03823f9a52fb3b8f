import { FOLLOW_PATH, logsAsked, type LogsAnswer } from '../follow.ts'
import type { Members } from '../form.ts'
import { shownLines, type ShownLine } from '../log-lines.ts'
import { Fragment, h, type Html } from '../markup.ts'
import { shellWord, urlOf, type Page, type PageAnswer, type Visit } from '../page.ts'
import { Field, Table, Text } from '../parts.tsx'
import { defined } from './words.ts'

const PATH = '/console/logs'
const LINES = '100'

export const logPages: readonly Page[] = [{ method: 'GET', path: '/logs', visit: visitLogs }]

async function visitLogs(visit: Visit): Promise<PageAnswer> {
  const { api, query } = visit
  const { function: functionName, before, after } = query
  if (functionName === undefined) return await askWhose(visit)
  const { params, query: asked } = logsAsked(query)
  const place: Members = after === undefined ? { before: before ?? 'now' } : { after }
  const answer = await api.get<LogsAnswer>('/functions/:functionName/logs', {
    params,
    query: { ...asked, ...place, limit: LINES },
  })
  const { qualifier, filter, request } = query
  const target = qualifier === undefined ? functionName : `${functionName}:${qualifier}`
  const options = [
    ...(filter === undefined ? [] : [` --filter ${shellWord(filter)}`]),
    ...(request === undefined ? [] : [` --request-id ${shellWord(request)}`]),
  ]
  return {
    kind: 'page',
    title: `Log of ${target}`,
    elsewhere: {
      api: urlOf(`/functions/${encodeURIComponent(functionName)}/logs`, { ...asked, ...place }),
      cli: `lacre logs ${shellWord(target)} --last ${LINES}${options.join('')} --follow`,
    },
    scripts: ['follow.js'],
    body: (
      <Fragment>
        <Ask query={query} />
        <Log answer={answer} query={query} isLast={before === undefined && after === undefined} />
      </Fragment>
    ),
  }
}

function Ask({ query }: { readonly query: Members }): Html {
  return (
    <form class="ask" method="get" action={PATH} role="search">
      <Field label="Function" name="function" value={query['function']} required={true} />
      <Field label="Alias or version" name="qualifier" value={query['qualifier']} />
      <Field
        label="With"
        name="filter"
        value={query['filter']}
        maxlength={1_024}
        hint={'ERROR, "two words", ?ERROR ?WARN, -not, { $.level = "ERROR" }'}
      />
      <Field label="Request id" name="request" value={query['request']} maxlength={64} />
      <button type="submit" class="first">
        Show
      </button>
    </form>
  )
}

interface LogProps {
  readonly answer: LogsAnswer
  readonly query: Members
  /** Whether it is the end of the log, behind which new lines come. */
  readonly isLast: boolean
}

function Log({ answer, query, isLast }: LogProps): Html {
  const { events, after, before, done, logGroup } = answer
  const same = defined({ ...query, before: undefined, after: undefined })
  const functionName = query['function']
  // Of a page that went back, `done` says that nothing is older.
  const hasOlder = query['after'] !== undefined || !done
  return (
    <Fragment>
      <p class="quiet">
        Group <Text>{logGroup}</Text>, oldest first, times in UTC.{' '}
        {events.length === 0 &&
          (hasOlder ? 'Nothing that fits, as far as was looked.' : 'Nothing that fits.')}
      </p>
      <p class="more">
        {hasOlder && <a href={urlOf(PATH, { ...same, before })}>Older</a>}{' '}
        <a href={urlOf(PATH, { ...same, after })}>Newer</a>{' '}
        {!isLast && <a href={urlOf(PATH, same)}>The latest</a>}
      </p>
      <div
        class="scroll log"
        id="log"
        role="log"
        aria-live="off"
        aria-label="Lines"
        tabindex={0}
        data-request={`${urlOf(PATH, { function: functionName })}&request=`}
      >
        <ol>
          {shownLines(events).map((line) => (
            <Line line={line} functionName={functionName} />
          ))}
        </ol>
      </div>
      {isLast && (
        <p class="command">
          <button
            type="button"
            hidden
            id="follow"
            data-url={urlOf(FOLLOW_PATH, same)}
            data-after={after}
          >
            Follow
          </button>
          <output id="follow-state" />
        </p>
      )}
    </Fragment>
  )
}

function Line({
  line: { time, version, requestId, text },
  functionName,
}: {
  readonly line: ShownLine
  readonly functionName: string | undefined
}): Html {
  return (
    <li>
      <time datetime={`${time.replace(' ', 'T')}Z`}>{time}</time>{' '}
      <span class="version">{version}</span>{' '}
      {requestId !== '' && (
        <a
          href={urlOf(PATH, { function: functionName, request: requestId })}
          aria-label={`invocation ${requestId}`}
        >
          {requestId.slice(0, 8)}
        </a>
      )}{' '}
      <bdi>{text}</bdi>
    </li>
  )
}

/** Where no function is named: the form, and what ran. */
async function askWhose({ api, query }: Visit): Promise<PageAnswer> {
  const runtime = await api.getIfAllowed<{
    readonly functions: readonly { readonly functionName: string }[]
  }>('/runtime')
  return {
    kind: 'page',
    title: 'Logs',
    elsewhere: { cli: 'lacre logs NAME --follow' },
    body: (
      <Fragment>
        <Ask query={query} />
        {runtime && (
          <Table
            caption="Functions that were called since the service started"
            rows={runtime.functions}
            empty="none"
            columns={[
              {
                head: 'Function',
                cell: ({ functionName }) => (
                  <a href={urlOf(PATH, { function: functionName })}>
                    <Text>{functionName}</Text>
                  </a>
                ),
              },
            ]}
          />
        )}
      </Fragment>
    ),
  }
}
