import { toIsoTime } from '../../../model/index.ts'
import { Fragment, h } from '../markup.ts'
import { type Page, type PageAnswer, type Visit } from '../page.ts'
import { PlatformError } from '../../../model/index.ts'
import { Choice, Field } from '../parts.tsx'
import { defined } from './words.ts'

const MONTH_MS = 30 * 86_400_000

export const evidencePages: readonly Page[] = [
  { method: 'GET', path: '/evidence', visit: visitEvidence },
  { method: 'GET', path: '/evidence/download', visit: download },
]

function visitEvidence({ nowMs }: Visit): Promise<PageAnswer> {
  return Promise.resolve({
    kind: 'page',
    title: 'Evidence',
    elsewhere: {
      cli: 'lacre evidence export --function NAME --alias ALIAS --from TIME -o evidence.zip',
    },
    body: (
      <Fragment>
        <p>
          What was live in an alias in a window of time, by which decisions, on whose approval: one
          zip, which <code>lacre evidence verify</code> checks without a network, and{' '}
          <code>openssl</code> in parts.
        </p>
        <form class="ask" method="get" action="/console/evidence/download">
          <Field label="Function" name="functionName" required maxlength={64} />
          <Field label="Alias or version" name="alias" required maxlength={128} />
          <Field
            label="From (UTC)"
            name="from"
            required
            maxlength={40}
            value={toIsoTime(nowMs - MONTH_MS)}
            hint="RFC 3339 with a zone"
          />
          <Field label="To (UTC)" name="to" maxlength={40} hint="now where left empty" />
          <Choice
            label="Entries of the ledger"
            name="entries"
            value="window"
            options={[
              ['window', 'of the window'],
              ['own', 'about the alias alone'],
              ['opening', 'since what was live then began'],
            ]}
          />
          <Choice
            label="Code"
            name="artifacts"
            value="false"
            options={[
              ['false', 'left out'],
              ['true', 'with it'],
            ]}
          />
          <button type="submit" class="first">
            Download
          </button>
        </form>
      </Fragment>
    ),
  })
}

async function download({ api, query }: Visit): Promise<PageAnswer> {
  const { functionName = '', alias = '', from, to, entries, artifacts } = query
  const { file } = await api.call('GET /evidence/:functionName/:alias', {
    params: { functionName, alias },
    query: defined({ from, to, entries, artifacts }),
  })
  if (file === undefined) throw new PlatformError('INTERNAL', 'evidence came without a file')
  return { kind: 'file', type: 'application/zip', file }
}
