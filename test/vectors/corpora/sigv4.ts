import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import {
  beginVerification,
  credentialOf,
  type SignedRequest,
} from '../../../services/auth/index.ts'
import { PlatformError, type Principal } from '../../../services/model/index.ts'
import type { CorpusResult, WrongRow } from '../corpus.ts'

interface Context {
  readonly credentials: { readonly access_key_id: string; readonly secret_access_key: string }
  readonly normalize: boolean
  readonly region: string
  readonly service: string
  readonly timestamp: string
  readonly omit_session_token?: boolean
}

interface Case {
  readonly id: string
  readonly context: Context
  readonly request: SignedRequest
  readonly body: Buffer
}

const principal: Principal = { id: 'usr', kind: 'user', name: 'u', roles: ['admin'], claims: {} }
/** What a signature that is not right may be called; nothing else counts as an answer. */
const REFUSALS = new Set([
  'INVALID_SIGNATURE',
  'SIGNATURE_EXPIRED',
  'UNKNOWN_ACCESS_KEY',
  'MISSING_AUTHENTICATION',
])

/** The wire form of a request in the suite: names and values as they stand, folded lines unfolded. */
function readCase(dir: string, id: string): Case {
  const context = JSON.parse(readFileSync(join(dir, 'context.json'), 'utf8')) as Context
  const text = readFileSync(join(dir, 'header-signed-request.txt'))
  const end = text.indexOf('\n\n')
  const head = (end === -1 ? text : text.subarray(0, end)).toString('utf8')
  const body = end === -1 ? Buffer.alloc(0) : text.subarray(end + 2)
  const [first = '', ...lines] = head.replace(/\n[ \t]+/g, ' ').split('\n')
  // A space may stand inside the path: the version is the last word, the method the first.
  const [, method = '', target = ''] = /^(\S+) (.*) HTTP\/1\.1$/s.exec(first) ?? []
  const at = target.indexOf('?')
  return {
    id,
    context,
    body,
    request: {
      method,
      path: at === -1 ? target : target.slice(0, at),
      query: at === -1 ? '' : target.slice(at + 1),
      headers: lines
        .filter((line) => line !== '')
        .map((line): [string, string] => {
          const colon = line.indexOf(':')
          return [line.slice(0, colon), line.slice(colon + 1)]
        }),
    },
  }
}

/** The verifier the service runs, its clock at the case's time. */
async function verdictOf(one: Case, request: SignedRequest, nowMs: number): Promise<string> {
  const { access_key_id: id, secret_access_key: secret } = one.context.credentials
  const rules = {
    place: { account: '000000000000', region: one.context.region },
    services: [one.context.service],
    nowMs,
  }
  try {
    const begun = await beginVerification(request, rules, (asked) =>
      asked === id
        ? Promise.resolve(credentialOf(id, principal, secret))
        : Promise.reject(new PlatformError('UNKNOWN_ACCESS_KEY', 'unknown')),
    )
    begun.finish(createHash('sha256').update(one.body).digest('hex'))
    return 'accepted'
  } catch (error) {
    return error instanceof PlatformError ? error.code : `crash: ${String(error)}`
  }
}

/** One letter or digit further: another text of the same shape. */
function nudge(text: string, at: number): string {
  const char = text.charAt(at)
  const other = /[0-8a-yA-Y]/.test(char) ? String.fromCharCode(char.charCodeAt(0) + 1) : 'a'
  return `${text.slice(0, at)}${other}${text.slice(at + 1)}`
}

/** One byte of each of: method, path, query, every signed header, body hash, signature and scope. */
export function* mutations(request: SignedRequest): Generator<readonly [string, SignedRequest]> {
  yield ['method', { ...request, method: nudge(request.method, 0) }]
  yield ['path', { ...request, path: `${request.path}x` }]
  if (request.path.length > 1 && !/\.\.?$/.test(request.path))
    yield ['path byte', { ...request, path: nudge(request.path, request.path.length - 1) }]
  yield ['query', { ...request, query: request.query === '' ? 'x=1' : nudge(request.query, 0) }]
  for (const [index, [name, value]] of request.headers.entries()) {
    const replaced = (text: string): SignedRequest => ({
      ...request,
      headers: request.headers.map((pair, at) => (at === index ? [name, text] : pair)),
    })
    if (name.toLowerCase() !== 'authorization') {
      yield [`header ${name}`, replaced(nudge(value, value.length - 1))]
      continue
    }
    yield ['signature', replaced(nudge(value, value.length - 1))]
    const [, credential = ''] = /Credential=([^,]+)/.exec(value) ?? []
    for (const [part, text] of credential.split('/').entries()) {
      const at =
        value.indexOf(credential) +
        credential.split('/').slice(0, part).join('/').length +
        Number(part > 0)
      yield [`scope ${text}`, replaced(nudge(value, at))]
    }
  }
}

async function runCase(one: Case, wrong: WrongRow[]): Promise<number> {
  const atMs = Date.parse(one.context.timestamp)
  let right = 0
  const judge = (name: string, expected: 'accepted' | 'refused', got: string): void => {
    const fine = expected === 'accepted' ? got === 'accepted' : REFUSALS.has(got)
    if (fine) right += 1
    else wrong.push({ id: `${one.id} ${name}`, expected, got })
  }
  judge('as signed', 'accepted', await verdictOf(one, one.request, atMs))
  for (const [name, request] of mutations(one.request))
    judge(name, 'refused', await verdictOf(one, request, atMs))
  judge(
    'other body',
    'refused',
    await verdictOf(
      { ...one, body: Buffer.from(`${one.body.toString('latin1')}x`) },
      one.request,
      atMs,
    ),
  )
  for (const minutes of [-16, 16])
    judge(
      `clock ${minutes} min`,
      'refused',
      await verdictOf(one, one.request, atMs + minutes * 60_000),
    )
  return right
}

export const corpus = {
  name: 'sigv4-jose/v4',
  async run(root: string, report: (line: string) => void): Promise<CorpusResult> {
    const folder = join(root, 'sigv4-jose/v4')
    const wrong: WrongRow[] = []
    let right = 0
    let notApplicable = 0
    for (const id of readdirSync(folder).sort()) {
      const one = readCase(join(folder, id), id)
      // Only S3 signs a path as it stands; a token added after signing is an x-amz header that is not signed.
      if (!one.context.normalize || one.context.omit_session_token === true) {
        notApplicable += 1
        continue
      }
      right += await runCase(one, wrong)
      report(id)
    }
    return { right, wrong, notApplicable }
  },
}
