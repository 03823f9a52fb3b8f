import {
  accessKeyRoutes,
  consoleLinkRoutes,
  governanceRoutes,
  principalRoutes,
  runtimeRoutes,
  type Route,
} from '../../services/http/index.ts'
import { routeAction } from '../../services/http/governance/index.ts'
import { OPERATIONS } from '../../services/http/lambda/operations-table.ts'
import { systemClock } from '../../services/model/index.ts'
import { compilePolicySet, type Policy } from '../../services/policy/index.ts'
import { shippedPolicies } from '../../services/shipped-policies.ts'

export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;')
}

export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  return [headers, headers.map(() => '---'), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
}

export const code = (text: string): string =>
  text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``

/** Both APIs: AWS's operations, and the routes of Lacre's own, each with the action that is asked of the authorization set. */
export function apiPage(): string {
  const operations = OPERATIONS.map(([name, method, path, status]) => [
    code(`lambda:${name}`),
    code(`${method} ${path}`),
    String(status),
  ])
  const routes = everyRoute()
    .map(({ method, path, summary, status }) => {
      const { action } = routeAction(`${method} ${path}`, {})
      return [code(`${method} /api/v1${path}`), cell(summary), code(action), String(status)]
    })
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
  return [
    '# APIs',
    'What is enforced of Lambda’s API and what is only stored: [lambda-api.md](../lambda-api.md). The shapes of Lacre’s own, as OpenAPI 3.1: `GET /api/v1/openapi.json`. Requests of both are signed (SigV4) or bring a bearer token; refusals: [errors.md](errors.md).',
    '## Lacre’s own',
    table(['route', 'what it does', 'action', 'status'], routes),
    '## Lambda’s',
    table(['operation and action', 'request', 'status'], operations),
  ].join('\n\n')
}

/** Nothing is handled: routes are declared alone, and look at what they work with when they are called. */
function everyRoute(): readonly Route[] {
  const nothing = {} as never
  return governanceRoutes(nothing, [
    ...accessKeyRoutes(nothing, nothing),
    ...principalRoutes(nothing),
    ...consoleLinkRoutes(nothing),
    ...runtimeRoutes({ clock: systemClock } as never, nothing),
  ])
}

/** The shipped sets policy by policy, and what policies may speak of. */
export function policiesPage(): string {
  const { admission, authorization } = shippedPolicies()
  const sections = [admission, authorization].flatMap(({ schema, sets }) =>
    [...sets].map(([name, { files }]) => {
      const { policies } = compilePolicySet(files, schema)
      return `## ${name}\n\n${table(['policy', 'effect', 'why', 'looks at'], [...policies.values()].map(policyRow))}`
    }),
  )
  const source = (schema: string): string => `\`\`\`cedar\n${schema.trimEnd()}\n\`\`\``
  return [
    '# Shipped policies',
    'How sets are chosen, written and tested: [policies.md](../policies.md). What a role may do: the set `authorization`.',
    ...sections,
    '## The schema of admission',
    source(admission.schema),
    '## The schema of authorization',
    source(authorization.schema),
  ].join('\n\n')
}

function policyRow({ id, effect, annotations, reads }: Policy): string[] {
  const { reason = '', fix } = annotations
  const why = fix === undefined ? reason : `${reason}; ${fix}`
  return [code(id), effect, cell(why), reads.map((one) => code(one)).join(', ')]
}
