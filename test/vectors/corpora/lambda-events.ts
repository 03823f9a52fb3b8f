import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'

import { InvokeCommand } from '@aws-sdk/client-lambda'

import { startTestApp, type TestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { zipOf } from '../../support/packages.ts'
import { askUrl, openUrl } from '../../support/urls.ts'
import { buildZip } from '../../support/zip-builder.ts'
import type { Corpus, WrongRow } from '../corpus.ts'

/** A runtime of its own that hands back what it was given, byte for byte. */
const RAW_BOOTSTRAP = `#!/usr/bin/env node
const http = require('node:http')
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const base = '/2018-06-01/runtime/invocation/'
const next = () => http.get({ host, port, path: base + 'next' }, (response) => {
  const chunks = []
  response.on('data', (chunk) => chunks.push(chunk))
  response.on('end', () => {
    const id = response.headers['lambda-runtime-aws-request-id']
    const sent = http.request({ host, port, method: 'POST', path: base + id + '/response' }, (answer) => answer.resume().on('end', next))
    sent.end(Buffer.concat(chunks))
  })
})
next()
`

/** Listed in exceptions.md: a sample that is no JSON, and so no event of anything. */
const NOT_JSON = new Set(['go/dynamodb-event-malformed.2.json'])

const ECHOES = ['node', 'python', 'raw'] as const

async function createEchoes({ client }: TestApp): Promise<void> {
  const node = zipOf({ 'index.js': 'exports.handler = async (event) => event' })
  const python = zipOf({ 'app.py': 'def handler(event, context):\n    return event\n' })
  const raw = buildZip({ entries: [{ name: 'bootstrap', content: RAW_BOOTSTRAP, mode: 0o100755 }] })
  await createActive(client, 'node', { Code: { ZipFile: node } })
  await createActive(client, 'python', {
    Code: { ZipFile: python },
    Runtime: 'python3.12',
    Handler: 'app.handler',
  })
  await createActive(client, 'raw', { Code: { ZipFile: raw }, Runtime: 'provided.al2023' })
}

/** What an echo made of an event: `same`, or how it differs. */
async function echoed({ client }: TestApp, name: string, event: Buffer): Promise<string> {
  const answer = await client.send(new InvokeCommand({ FunctionName: name, Payload: event }))
  const payload = Buffer.from(answer.Payload ?? [])
  if (answer.FunctionError !== undefined) return payload.toString().slice(0, 200)
  if (name === 'raw') return payload.equals(event) ? 'same' : 'other bytes'
  const same = isDeepStrictEqual(JSON.parse(payload.toString()), JSON.parse(event.toString()))
  return same ? 'same' : `other JSON: ${payload.toString().slice(0, 200)}`
}

/** Every member that AWS's sample of a URL's event has, by path; what is in maps is the request's own. */
function membersOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path]
  if (/\.(?:headers|queryStringParameters|authorizer)$/.test(path)) return [path]
  return Object.entries(value).flatMap(([name, one]) => membersOf(one, `${path}.${name}`))
}

/** Our own event of a URL has each member of AWS's sample. */
async function compareUrlEvent(app: TestApp, sample: unknown): Promise<string> {
  const { host } = await openUrl(app.client, 'node')
  const reply = await askUrl(app.functionUrls, host, {
    method: 'POST',
    path: '/my/path?parameter1=value1&parameter1=value2&parameter2=value',
    headers: { cookie: 'cookie1; cookie2', 'content-type': 'text/plain', 'user-agent': 'agent' },
    body: 'Hello from client!',
  })
  const ours = membersOf(reply.json())
  // Nobody signed.
  const missing = membersOf(sample).filter(
    (path) => !ours.includes(path) && path !== '.requestContext.authorizer',
  )
  return missing.length === 0 ? 'same' : `without ${missing.join(', ')}`
}

export const corpus: Corpus = {
  name: 'lambda-events',
  async run(root, report) {
    const folder = join(root, 'lambda-events')
    const files = ['go', 'rust'].flatMap((part) =>
      readdirSync(join(folder, part)).map((file) => `${part}/${file}`),
    )
    await using app = await startTestApp()
    await createEchoes(app)
    const wrong: WrongRow[] = []
    let right = 0
    const row = (id: string, got: string): void => {
      if (got === 'same') right += 1
      else wrong.push({ id, expected: 'same', got })
    }
    let notApplicable = 0
    for (const file of files) {
      const event = readFileSync(join(folder, file))
      if (NOT_JSON.has(file)) {
        notApplicable += 1
        continue
      }
      for (const name of ECHOES) row(`${file} ${name}`, await echoed(app, name, event))
      report(file)
    }
    const sample: unknown = JSON.parse(
      readFileSync(join(folder, 'go/lambda-urls-request.json'), 'utf8'),
    )
    row('the event of a URL', await compareUrlEvent(app, sample))
    return { right, wrong, notApplicable }
  },
}
