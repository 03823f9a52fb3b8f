import { PlatformError, POLICY_KINDS } from '../../../model/index.ts'
import { Fragment, h, type Child, type Html } from '../markup.ts'
import { shellWord, urlOf, type Page, type PageAnswer, type Visit } from '../page.ts'
import {
  Choice,
  DecisionLink,
  Digest,
  Facts,
  Hidden,
  Lines,
  Notice,
  Table,
  Text,
  Time,
} from '../parts.tsx'
import { makePlan, Planned } from './plan.tsx'

interface Kept {
  readonly kind: string
  readonly version: number
  readonly name: string
  readonly digest: string
  readonly how: string
  readonly appliedAt: string
  readonly principal: string
  readonly decision: string | null
}
interface Shown extends Kept {
  readonly inForce: boolean
  readonly fault: string | null
  readonly files: readonly { readonly name: string; readonly text: string }[] | null
  readonly cases: unknown
}
interface Diff {
  readonly added: readonly { readonly id: string; readonly text: string }[]
  readonly removed: readonly { readonly id: string; readonly text: string }[]
  readonly changed: readonly {
    readonly id: string
    readonly before: string
    readonly after: string
  }[]
  readonly cases: readonly { readonly name: string; readonly [side: string]: unknown }[]
}

const HISTORY = '50'

export const policyPages: readonly Page[] = [
  {
    method: 'GET',
    path: '/policies',
    visit: () => Promise.resolve({ kind: 'moved', to: '/console/policies/admission' }),
  },
  { method: 'GET', path: '/policies/:kind', visit: visitKind },
  { method: 'GET', path: '/policies/:kind/diff', visit: visitDiff },
  { method: 'GET', path: '/policies/:kind/:version', visit: visitVersion },
  { method: 'POST', path: '/policies/:kind/plan-rollback', visit: planRollback },
  { method: 'POST', path: '/policies/:kind/rollback', visit: commitRollback },
]

function kindOf({ params }: Visit): string {
  const { kind = '' } = params
  if (POLICY_KINDS.some((one) => one === kind)) return kind
  throw new PlatformError(
    'RESOURCE_NOT_FOUND',
    'there are policies of admission and of authorization',
  )
}

async function visitKind(visit: Visit): Promise<PageAnswer> {
  const { api } = visit
  const kind = kindOf(visit)
  const params = { kind }
  const { policySets } = await api.get<{ readonly policySets: readonly Kept[] }>(
    '/policy-sets/:kind',
    {
      params,
      query: { limit: HISTORY },
    },
  )
  const shown = await api.getIfAllowed<Shown>('/policy-sets/:kind/in-force', { params })
  return {
    kind: 'page',
    title: kind === 'admission' ? 'Policies: may this change be' : 'Policies: who may do what',
    elsewhere: { api: `/policy-sets/${kind}`, cli: `lacre policy history --kind ${kind}` },
    body: (
      <Fragment>
        <p>
          <a href="/console/policies/admission">Admission</a>
          {' · '}
          <a href="/console/policies/authorization">Authorization</a>
        </p>
        <Table
          caption="Every set that was in force, newest first"
          rows={policySets}
          empty="none"
          columns={[
            {
              head: 'Version',
              cell: ({ version, name }) => (
                <a href={`/console/policies/${kind}/${version}`}>
                  <Text>{`${version}: ${name}`}</Text>
                </a>
              ),
            },
            { head: 'How', cell: ({ how }) => how },
            { head: 'By', cell: ({ principal }) => <Text>{principal}</Text> },
            { head: 'When', cell: ({ appliedAt }) => <Time at={appliedAt} /> },
            {
              head: 'Decision',
              cell: (one) => one.decision !== null && <DecisionLink id={one.decision} />,
            },
            { head: 'Digest', cell: ({ digest }) => <Digest>{digest}</Digest> },
          ]}
        />
        {policySets.length > 1 && <Compare kind={kind} sets={policySets} />}
        {kind === 'admission' && policySets.length > 1 && (
          <RollbackForm csrf={visit.csrf} sets={policySets.slice(1)} />
        )}
        <h2>In force</h2>
        {shown ? <SetText shown={shown} /> : <p class="quiet">You may not read its text.</p>}
      </Fragment>
    ),
  }
}

function optionsOf(sets: readonly Kept[]): (readonly [string, string])[] {
  return sets.map(({ version, name }) => [String(version), `${version}: ${name}`])
}

function Compare({ kind, sets }: { readonly kind: string; readonly sets: readonly Kept[] }): Html {
  const [newest, before] = sets
  return (
    <form method="get" action={`/console/policies/${kind}/diff`}>
      <fieldset>
        <legend>Compare two versions</legend>
        <div class="ask">
          <Choice
            label="From"
            name="from"
            value={String(before?.version)}
            options={optionsOf(sets)}
          />
          <Choice label="To" name="to" value={String(newest?.version)} options={optionsOf(sets)} />
          <button type="submit" class="first">
            Compare
          </button>
        </div>
      </fieldset>
    </form>
  )
}

function RollbackForm({
  csrf,
  sets,
}: {
  readonly csrf: string
  readonly sets: readonly Kept[]
}): Html {
  return (
    <form method="post" action="/console/policies/admission/plan-rollback">
      <fieldset>
        <legend>Put an earlier version in force</legend>
        <Hidden csrf={csrf} />
        <p>First it is shown what of all that is live it would refuse or admit.</p>
        <div class="ask">
          <Choice
            label="Version"
            name="version"
            value={String(sets[0]?.version)}
            options={optionsOf(sets)}
          />
          <button type="submit" class="first">
            Show the impact
          </button>
        </div>
      </fieldset>
    </form>
  )
}

function SetText({ shown }: { readonly shown: Shown }): Html {
  return (
    <Fragment>
      {shown.fault !== null && (
        <Notice tone="bad">
          <p>
            {'It cannot be used: '}
            <Text>{shown.fault}</Text>
          </p>
        </Notice>
      )}
      {(shown.files ?? []).map(({ name, text }) => (
        <details open={(shown.files ?? []).length === 1}>
          <summary>
            <Text>{name}</Text>
          </summary>
          <Lines>{text}</Lines>
        </details>
      ))}
      {shown.cases !== null && (
        <details>
          <summary>Cases that it is tested by</summary>
          <Lines>{JSON.stringify(shown.cases, null, 2)}</Lines>
        </details>
      )}
    </Fragment>
  )
}

async function visitVersion(visit: Visit): Promise<PageAnswer> {
  const kind = kindOf(visit)
  const { version = '' } = visit.params
  const shown = await visit.api.get<Shown>('/policy-sets/:kind/:version', {
    params: { kind, version },
  })
  return {
    kind: 'page',
    title: `Policy set ${shown.name}, version ${shown.version}`,
    elsewhere: {
      api: `/policy-sets/${kind}/${encodeURIComponent(version)}`,
      cli: `lacre policy show ${shellWord(version)} --kind ${kind}`,
    },
    body: (
      <Fragment>
        <Facts
          rows={[
            ['In force', shown.inForce ? 'yes' : 'no'],
            ['How', shown.how],
            ['By', <Text>{shown.principal}</Text>],
            ['When', <Time at={shown.appliedAt} />],
            ['Digest', <Digest>{shown.digest}</Digest>],
          ]}
        />
        <SetText shown={shown} />
      </Fragment>
    ),
  }
}

async function visitDiff(visit: Visit): Promise<PageAnswer> {
  const kind = kindOf(visit)
  const { from = '', to = '' } = visit.query
  const query = { from, to }
  const diff = await visit.api.get<Diff>('/policy-sets/:kind/diff', { params: { kind }, query })
  return {
    kind: 'page',
    title: `Policies: version ${from} and version ${to}`,
    elsewhere: {
      api: urlOf(`/policy-sets/${kind}/diff`, query),
      cli: `lacre policy diff ${shellWord(from)} ${shellWord(to)} --kind ${kind}`,
    },
    body: (
      <Fragment>
        <Policies title="Added" policies={diff.added} />
        <Policies title="Removed" policies={diff.removed} />
        {diff.changed.map(({ id, before, after }) => (
          <section>
            <h2>
              {'Changed: '}
              <Text>{id}</Text>
            </h2>
            <p>Before</p>
            <Lines>{before}</Lines>
            <p>After</p>
            <Lines>{after}</Lines>
          </section>
        ))}
        <Table
          caption="Cases of both, under either set"
          rows={diff.cases}
          empty="none"
          columns={[
            { head: 'Case', cell: ({ name }) => <Text>{name}</Text> },
            { head: 'Before', cell: ({ before }) => outcome(before) },
            { head: 'After', cell: ({ after }) => outcome(after) },
          ]}
        />
      </Fragment>
    ),
  }
}

function Policies({
  title,
  policies,
}: {
  readonly title: string
  readonly policies: Diff['added']
}): Html {
  return (
    <Fragment>
      {policies.map(({ id, text }) => (
        <section>
          <h2>
            {`${title}: `}
            <Text>{id}</Text>
          </h2>
          <Lines>{text}</Lines>
        </section>
      ))}
    </Fragment>
  )
}

function outcome(side: unknown): Child {
  return <Text>{typeof side === 'string' ? side : JSON.stringify(side)}</Text>
}

async function planRollback(visit: Visit): Promise<PageAnswer> {
  const kind = kindOf(visit)
  const { version = '' } = visit.form
  const { name, files, cases } = await visit.api.get<Shown>('/policy-sets/:kind/:version', {
    params: { kind, version },
  })
  if (files === null)
    throw new PlatformError('RESOURCE_CONFLICT', 'the text of this version is damaged')
  const change = { kind: 'policy', name, files, cases } as unknown as Parameters<typeof makePlan>[1]
  const plan = await makePlan(visit, change)
  return {
    kind: 'page',
    title: `Before version ${version} is in force again`,
    elsewhere: { cli: `lacre policy rollback ${shellWord(version)}` },
    body: (
      <Planned
        plan={plan}
        csrf={visit.csrf}
        action="/console/policies/admission/rollback"
        members={{ version }}
        label="Put it in force"
        grave
      />
    ),
  }
}

async function commitRollback(visit: Visit): Promise<PageAnswer> {
  const kind = kindOf(visit)
  const { version = '', plan } = visit.form
  if (plan === undefined || !/^\d{1,15}$/.test(version))
    throw new PlatformError('INVALID_PARAMETER', 'a set is put in force by its plan: show it first')
  const body = { version: Number(version) }
  await visit.api.call('POST /policy-sets/:kind/rollback', { params: { kind }, body, plan })
  return { kind: 'moved', to: `/console/policies/${kind}` }
}
