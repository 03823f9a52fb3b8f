import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { Type } from 'typebox'

import { route } from '../../../services/http/governance/route.ts'
import { canonicalJson, parseStrictJson } from '../../../services/model/index.ts'
import { openEdge, type TestEdge } from '../../support/edge.ts'
import type { CorpusResult, WrongRow } from '../corpus.ts'

/** JSON endpoints of each kind: with a zip in the body, without, our own, and Invoke's raw payload. */
const ENDPOINTS = [
  { name: 'CreateFunction', method: 'POST', path: '/2015-03-31/functions' },
  { name: 'UpdateFunctionCode', method: 'PUT', path: '/2015-03-31/functions/f/code' },
  { name: 'CreateCodeSigningConfig', method: 'POST', path: '/2020-04-22/code-signing-configs' },
  { name: 'governance', method: 'POST', path: '/api/v1/anything' },
  { name: 'Invoke', method: 'POST', path: '/2015-03-31/functions/f/invocations' },
] as const

/** RULES: equal names are refused at the edge, whatever a parser may do with them. */
const DUPLICATE_NAMES = /duplicated_key/
const SLOW_MS = 2_000

async function openJsonEdge(): Promise<TestEdge> {
  const ok = async () => ({ status: 200, body: {} })
  const anything = route({
    method: 'POST',
    path: '/anything',
    summary: 'takes any JSON',
    params: Type.Object({}),
    query: Type.Object({}),
    body: Type.Unknown(),
    status: 200,
    answer: Type.Object({}),
    handle: async () => ({ body: {} }),
  })
  return await openEdge({
    handlers: { CreateFunction: ok, UpdateFunctionCode: ok, CreateCodeSigningConfig: ok },
    invoke: async () => ({ status: 200, headers: {}, payload: Buffer.from('null') }),
    routes: [anything],
  })
}

/** `accepted` as JSON (also where its shape is not what the endpoint wants), `not JSON`, or what came instead. */
async function judge(
  edge: TestEdge,
  endpoint: (typeof ENDPOINTS)[number],
  body: Buffer,
): Promise<string> {
  const started = Date.now()
  const answer = await edge.ask({ method: endpoint.method, path: endpoint.path, body })
  if (Date.now() - started > SLOW_MS) return 'too slow'
  if (answer.status >= 500) return `status ${answer.status}`
  const type = String(answer.headers['x-amzn-errortype'] ?? codeOf(answer.body))
  if (type === 'InvalidRequestContentException' || type === 'INVALID_REQUEST_CONTENT')
    return answer.status === 400 ? 'not JSON' : `status ${answer.status}`
  if (answer.status === 200 || type === 'SerializationException' || type === 'INVALID_PARAMETER')
    return 'accepted'
  return `${answer.status} ${type}`
}

function codeOf(body: string): unknown {
  const parsed = JSON.parse(body) as { error?: { code?: unknown } } | null
  return parsed?.error?.code
}

function fits(expected: string, got: string): boolean {
  return expected === 'either' ? got === 'accepted' || got === 'not JSON' : expected === got
}

function demanded(file: string): 'accepted' | 'not JSON' | 'either' {
  return file.startsWith('y_') ? 'accepted' : file.startsWith('n_') ? 'not JSON' : 'either'
}

function runCanonical(folder: string, wrong: WrongRow[]): number {
  let right = 0
  for (const file of readdirSync(join(folder, 'input'))) {
    const got = canonicalJson(parseStrictJson(readFileSync(join(folder, 'input', file))))
    const expected = readFileSync(join(folder, 'output', file), 'utf8').trimEnd()
    if (got === expected) right += 1
    else wrong.push({ id: `jcs ${file}`, expected, got })
  }
  return right
}

export const corpus = {
  name: 'json-input',
  async run(root: string, report: (line: string) => void): Promise<CorpusResult> {
    const folder = join(root, 'json-input')
    const wrong: WrongRow[] = []
    let right = runCanonical(join(folder, 'jcs'), wrong)
    let notApplicable = 0
    await using edge = await openJsonEdge()
    for (const file of readdirSync(join(folder, 'parsing')).sort()) {
      const body = readFileSync(join(folder, 'parsing', file))
      const duplicate = DUPLICATE_NAMES.test(file)
      for (const endpoint of ENDPOINTS) {
        // Nothing at all is an empty request for Lambda, not text that fails to be JSON.
        if (body.length === 0 || (duplicate && endpoint.name !== 'Invoke')) {
          notApplicable += 1
          continue
        }
        const expected = demanded(file)
        const got = await judge(edge, endpoint, body)
        if (fits(expected, got)) right += 1
        else wrong.push({ id: `${file} ${endpoint.name}`, expected, got })
      }
      report(file)
    }
    return { right, wrong, notApplicable }
  },
}
