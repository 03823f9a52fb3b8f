import { PlatformError } from '../../../model/index.ts'
import type { JsonObject } from '../../lambda/handler.ts'
import type { Members } from '../form.ts'
import { Fragment, h, type Html } from '../markup.ts'
import { shellWord, type Page, type PageAnswer, type Visit } from '../page.ts'
import {
  Choice,
  Digest,
  Facts,
  Field,
  Hidden,
  Lines,
  Notice,
  State,
  Table,
  Text,
  Time,
} from '../parts.tsx'
import { Expiry } from './expiry.tsx'
import { makePlan, Planned } from './plan.tsx'
import { defined } from './words.ts'

interface Version {
  readonly version: string
  readonly arn: string
  readonly digest: string
  readonly status: string
  readonly revokedFrom: string | null
  readonly createdAt: string
  readonly document: unknown
}
interface Publisher {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly createdAt: string
  readonly revokedFrom: string | null
  readonly versions: readonly Version[]
}
interface Revocation {
  readonly targetKind: string
  readonly target: string
  readonly effectiveAt: string
  readonly recordedAt: string
  readonly reason: string
}

export const publisherPages: readonly Page[] = [
  { method: 'GET', path: '/publishers', visit: visitList },
  { method: 'GET', path: '/publishers/:name', visit: visitOne },
  { method: 'POST', path: '/publishers/:name/plan-revoke', visit: planRevoke },
  { method: 'POST', path: '/publishers/:name/revoke', visit: commitRevoke },
]

async function visitList({ api }: Visit): Promise<PageAnswer> {
  const { publishers } = await api.get<{ readonly publishers: readonly Publisher[] }>('/publishers')
  const found = await api.getIfAllowed<{ readonly revocations: readonly Revocation[] }>(
    '/revocations',
  )
  return {
    kind: 'page',
    title: 'Publishers',
    elsewhere: { api: '/publishers', cli: 'lacre publisher list' },
    body: (
      <Fragment>
        <Table
          caption={`Whom to trust: ${publishers.length}`}
          rows={publishers}
          empty="nobody yet: `lacre publisher create` makes one"
          columns={[
            {
              head: 'Name',
              cell: ({ name }) => (
                <a href={`/console/publishers/${encodeURIComponent(name)}`}>
                  <Text>{name}</Text>
                </a>
              ),
            },
            { head: 'Kind', cell: ({ kind }) => kind },
            { head: 'Versions', cell: ({ versions }) => String(versions.length) },
            { head: 'Newest', cell: (one) => <State>{newest(one)?.status ?? 'none'}</State> },
            { head: 'Expires', cell: (one) => <Expiry document={newest(one)?.document} /> },
            { head: 'Revoked from', cell: ({ revokedFrom }) => <Time at={revokedFrom} /> },
          ]}
        />
        {found && (
          <Table
            caption="Revocations, for good"
            rows={found.revocations}
            empty="none"
            columns={[
              { head: 'What', cell: (one) => one.targetKind },
              { head: 'Target', cell: ({ target }) => <Text>{target}</Text> },
              { head: 'Counts from', cell: ({ effectiveAt }) => <Time at={effectiveAt} /> },
              { head: 'Recorded', cell: ({ recordedAt }) => <Time at={recordedAt} /> },
              { head: 'Why', cell: ({ reason }) => <Text>{reason}</Text> },
            ]}
          />
        )}
      </Fragment>
    ),
  }
}

function newest({ versions }: Publisher): Version | undefined {
  return versions.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt)).at(-1)
}

interface Sighting {
  readonly functionName: string
  readonly alias: string
  readonly version: string
}

async function visitOne({ api, params, csrf }: Visit): Promise<PageAnswer> {
  const { name = '' } = params
  const publisher = await api.get<Publisher>('/publishers/:name', { params: { name } })
  const sighted = await api.getIfAllowed<{ readonly sightings: readonly Sighting[] }>(
    '/history/where',
    { query: { kind: 'publisher', value: name, live: 'true', limit: '100' } },
  )
  return {
    kind: 'page',
    title: `Publisher ${name}`,
    elsewhere: {
      api: `/publishers/${encodeURIComponent(name)}`,
      cli: `lacre publisher show ${shellWord(name)}`,
    },
    body: (
      <Fragment>
        {publisher.revokedFrom !== null && (
          <Notice tone="bad">
            <p>
              {'Revoked from '}
              <Time at={publisher.revokedFrom} /> on.
            </p>
          </Notice>
        )}
        <Facts
          rows={[
            ['Kind', publisher.kind],
            ['Created', <Time at={publisher.createdAt} />],
          ]}
        />
        <Versions versions={publisher.versions} />
        {sighted && <Sightings sightings={sighted.sightings} />}
        <RevokeForm publisher={publisher} csrf={csrf} />
        <details>
          <summary>What each version trusts, as JSON</summary>
          <Lines>
            {JSON.stringify(
              publisher.versions.map(({ version, document }) => ({ version, document })),
              null,
              2,
            )}
          </Lines>
        </details>
      </Fragment>
    ),
  }
}

function Versions({ versions }: { readonly versions: readonly Version[] }): Html {
  return (
    <Table
      caption="Versions"
      rows={versions}
      empty="none"
      columns={[
        { head: 'Version', cell: ({ version }) => <code>{version}</code> },
        { head: 'Status', cell: ({ status }) => <State>{status}</State> },
        { head: 'Expires', cell: (one) => <Expiry document={one.document} /> },
        { head: 'Created', cell: (one) => <Time at={one.createdAt} /> },
        { head: 'Revoked from', cell: (one) => <Time at={one.revokedFrom} /> },
        { head: 'Document', cell: ({ digest }) => <Digest>{digest}</Digest> },
      ]}
    />
  )
}

function Sightings({ sightings }: { readonly sightings: readonly Sighting[] }): Html {
  return (
    <Table
      caption="Live by its seals now"
      rows={sightings}
      empty="nothing"
      columns={[
        {
          head: 'Name',
          cell: (one) => (
            <a href={`/console/functions/${encodeURIComponent(one.functionName)}`}>
              <Text>{`${one.functionName}:${one.alias}`}</Text>
            </a>
          ),
        },
        { head: 'Version', cell: ({ version }) => version },
      ]}
    />
  )
}

function RevokeForm({
  publisher,
  csrf,
}: {
  readonly publisher: Publisher
  readonly csrf: string
}): Html {
  return (
    <form
      method="post"
      action={`/console/publishers/${encodeURIComponent(publisher.name)}/plan-revoke`}
    >
      <fieldset>
        <legend>Revoke, for good</legend>
        <Hidden csrf={csrf} />
        <p>
          First it is shown what would no longer be admitted; nothing happens before you confirm
          that.
        </p>
        <div class="ask">
          <Choice
            label="What"
            name="version"
            value=""
            options={[
              ['', 'the whole publisher'],
              ...publisher.versions.map(({ version }) => [version, `version ${version}`] as const),
            ]}
          />
          <Field
            label="Effective from (UTC)"
            name="effectiveAt"
            maxlength={40}
            hint="RFC 3339 with a zone; now where left empty, later on only earlier"
          />
          <Field label="Reason" name="reason" required maxlength={500} />
          <button type="submit" class="grave">
            Show what it would do
          </button>
        </div>
      </fieldset>
    </form>
  )
}

function targetOf(name: string, { version }: Members): JsonObject {
  return version === undefined
    ? { kind: 'publisher', name }
    : { kind: 'publisher-version', name, version }
}

async function planRevoke(visit: Visit): Promise<PageAnswer> {
  const { params, form, csrf } = visit
  const { name = '' } = params
  const { version, effectiveAt, reason } = form
  if (reason === undefined)
    throw new PlatformError('INVALID_PARAMETER', 'a revocation wants a reason')
  const change = { kind: 'revocation', target: targetOf(name, form), ...defined({ effectiveAt }) }
  const plan = await makePlan(visit, change)
  const flags = [
    version === undefined ? '' : ` --version ${shellWord(version)}`,
    effectiveAt === undefined ? '' : ` --effective ${shellWord(effectiveAt)}`,
  ]
  return {
    kind: 'page',
    title: `Before ${name} is revoked`,
    elsewhere: { cli: `lacre plan revoke ${shellWord(name)}${flags.join('')}` },
    body: (
      <Fragment>
        <Notice tone="bad">
          <p>
            {'A revocation is final. Reason given: '}
            <Text>{reason}</Text>
          </p>
        </Notice>
        <Planned
          plan={plan}
          csrf={csrf}
          action={`/console/publishers/${encodeURIComponent(name)}/revoke`}
          members={{ version, effectiveAt, reason }}
          label="Revoke it"
          grave
        />
      </Fragment>
    ),
  }
}

async function commitRevoke({ api, params, form }: Visit): Promise<PageAnswer> {
  const { name = '' } = params
  const { effectiveAt, reason, plan } = form
  if (plan === undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      'a revocation is committed by its plan: show it first',
    )
  const body: JsonObject = { target: targetOf(name, form), ...defined({ effectiveAt, reason }) }
  await api.call('POST /revocations', { body, plan })
  return { kind: 'moved', to: `/console/publishers/${encodeURIComponent(name)}` }
}
