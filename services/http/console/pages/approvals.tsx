import { Fragment, h, type Html } from '../markup.ts'
import { shellWord, urlOf, type Page, type PageAnswer, type Visit } from '../page.ts'
import {
  Choice,
  Digest,
  Facts,
  Field,
  Hidden,
  Notice,
  State,
  Table,
  Text,
  Time,
  isoMs,
} from '../parts.tsx'
import { Preview, previewOf } from './preview.tsx'
import { defined, percent } from './words.ts'

interface Request {
  readonly id: string
  readonly functionName: string
  readonly alias: string
  readonly version: string
  readonly release: string
  readonly weight: number
  readonly requester: string
  readonly reason: string
  readonly openedAt: string
  readonly expiresAt: string
  readonly state: 'open' | 'used' | 'withdrawn' | 'void'
  readonly settledAt: string | null
  readonly approvals: readonly {
    readonly principal: string
    readonly at: string
    readonly comment: string
    readonly revokedAt: string | null
  }[]
}

const LISTED = '100'

export const approvalPages: readonly Page[] = [
  { method: 'GET', path: '/approvals', visit: visitList },
  { method: 'GET', path: '/approvals/:id', visit: visitOne },
  { method: 'POST', path: '/approvals/:id/approve', visit: (visit) => answer(visit, 'approve') },
  { method: 'POST', path: '/approvals/:id/withdraw', visit: (visit) => answer(visit, 'withdraw') },
]

async function visitList({ api, query, nowMs }: Visit): Promise<PageAnswer> {
  const { state = 'open', functionName } = query
  const asked = defined({ state: state === 'any' ? undefined : state, functionName, limit: LISTED })
  const { requests } = await api.get<{ readonly requests: readonly Request[] }>('/approvals', {
    query: asked,
  })
  const flags = [
    asked['state'] === undefined ? '' : ` --state ${shellWord(asked['state'])}`,
    functionName === undefined ? '' : ` --function ${shellWord(functionName)}`,
  ]
  return {
    kind: 'page',
    title: 'Approvals',
    elsewhere: { api: urlOf('/approvals', asked), cli: `lacre approval list${flags.join('')}` },
    body: (
      <Fragment>
        <form class="ask" method="get" action="/console/approvals">
          <Choice
            label="State"
            name="state"
            value={state}
            options={['open', 'used', 'withdrawn', 'void', 'any'].map((one) => [one, one])}
          />
          <Field label="Function" name="functionName" value={functionName} maxlength={64} />
          <button type="submit" class="first">
            Show
          </button>
        </form>
        <Table
          caption={`Requests: ${requests.length}`}
          rows={requests}
          empty="nobody waits for an answer"
          columns={[
            {
              head: 'Move',
              cell: (one) => (
                <a href={`/console/approvals/${encodeURIComponent(one.id)}`}>{moveOf(one)}</a>
              ),
            },
            { head: 'State', cell: (one) => <State>{stateOf(one, nowMs)}</State> },
            { head: 'Asked by', cell: ({ requester }) => <Text>{requester}</Text> },
            { head: 'Why', cell: ({ reason }) => <Text>{reason}</Text> },
            {
              head: 'Approved by',
              cell: (one) => <Text>{standing(one).join(', ') || 'nobody yet'}</Text>,
            },
            { head: 'Open until', cell: ({ expiresAt }) => <Time at={expiresAt} /> },
          ]}
        />
      </Fragment>
    ),
  }
}

async function visitOne(visit: Visit): Promise<PageAnswer> {
  const { api, params, csrf, nowMs } = visit
  const { id = '' } = params
  const request = await api.get<Request>('/approvals/:id', { params: { id } })
  const open = stateOf(request, nowMs) === 'open'
  const preview = open ? await previewOf(visit, request) : undefined
  return {
    kind: 'page',
    title: `Approval: ${moveOf(request)}`,
    elsewhere: {
      api: `/approvals/${encodeURIComponent(id)}`,
      cli: open ? `lacre approve ${shellWord(id)}` : `lacre approval show ${shellWord(id)}`,
    },
    body: (
      <Fragment>
        <Facts
          rows={[
            ['State', <State>{stateOf(request, nowMs)}</State>],
            ['Asked by', <Text>{request.requester}</Text>],
            ['Why', <Text>{request.reason}</Text>],
            ['Release', <Digest>{request.release}</Digest>],
            ['Asked', <Time at={request.openedAt} />],
            ['Open until', <Time at={request.expiresAt} />],
            ['Settled', <Time at={request.settledAt} />],
          ]}
        />
        {preview && <Preview preview={preview} />}
        <Table
          caption="Answers"
          rows={request.approvals}
          empty="nobody has answered"
          columns={[
            { head: 'Who', cell: ({ principal }) => <Text>{principal}</Text> },
            { head: 'When', cell: ({ at }) => <Time at={at} /> },
            { head: 'Comment', cell: ({ comment }) => <Text>{comment}</Text> },
            { head: 'Taken back', cell: ({ revokedAt }) => <Time at={revokedAt} /> },
          ]}
        />
        {open ? <AnswerForms id={id} csrf={csrf} /> : <Closed />}
      </Fragment>
    ),
  }
}

function AnswerForms({ id, csrf }: { readonly id: string; readonly csrf: string }): Html {
  const path = `/console/approvals/${encodeURIComponent(id)}`
  return (
    <Fragment>
      <form method="post" action={`${path}/approve`}>
        <fieldset>
          <legend>Approve this move</legend>
          <Hidden csrf={csrf} />
          <div class="ask">
            <Field label="Comment" name="comment" maxlength={500} />
            <button type="submit" class="first">
              Approve
            </button>
          </div>
        </fieldset>
      </form>
      <form method="post" action={`${path}/withdraw`}>
        <Hidden csrf={csrf} />
        <button type="submit">Take back my request or my approval</button>
      </form>
    </Fragment>
  )
}

function Closed(): Html {
  return (
    <Notice tone="open">
      <p>It takes no answers any more.</p>
    </Notice>
  )
}

async function answer(
  { api, params, form }: Visit,
  how: 'approve' | 'withdraw',
): Promise<PageAnswer> {
  const { id = '' } = params
  const body = how === 'approve' ? defined({ comment: form['comment'] }) : {}
  await api.call(`POST /approvals/:id/${how}`, { params: { id }, body })
  return { kind: 'moved', to: `/console/approvals/${encodeURIComponent(id)}` }
}

function moveOf({ functionName, alias, version, weight }: Request): string {
  return `${functionName}:${alias} to version ${version}, ${percent(weight)}`
}

/** What nobody answered in time is open no more, although nothing was written. */
function stateOf({ state, expiresAt }: Request, nowMs: number): string {
  return state === 'open' && isoMs(expiresAt) <= nowMs ? 'expired' : state
}

function standing({ approvals }: Request): string[] {
  return approvals.filter(({ revokedAt }) => revokedAt === null).map(({ principal }) => principal)
}
