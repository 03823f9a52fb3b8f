// Every row of the open corpora: through the functions that the service calls, and through a running service.
import { createHash } from 'node:crypto'
import { connect } from 'node:net'

import { openArtifact } from '../../services/artifact/index.ts'
import { verifyDirectory } from '../../services/audit/index.ts'
import { bufferSource } from '../../services/model/index.ts'
import type { AdminFile } from '../support/client.ts'
import { createActive } from '../support/functions.ts'
import { nodePackage } from '../support/packages.ts'
import { startService } from '../support/service.ts'
import type { Ask } from '../support/signers.ts'
import { tempDir } from '../support/state.ts'
import { buildZip, sealBlockOf } from '../support/zip-builder.ts'
import { encodePem } from '../../services/seal/index.ts'
import { targets } from './fuzz/targets.ts'
import {
  bundles,
  certificates,
  cmsSeals,
  findVectors,
  jsonTexts,
  policies,
  signedRequests,
  zips,
  type Row,
} from './vectors.ts'
import { ask, faultOf } from './wire-client.ts'

const FUNCTIONS = '/2015-03-31/functions'
/** The function that is there beforehand. */
const NAME = 'malformed'
const TIME_LIMIT_MS = 2_000
/** Requests in hand at once. */
const LANES = 2
const SEAL_IDS = { bundle: 1, cms: 2 } as const

/** Answers how many rows were met with anything but an answer of ours. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const root = findVectors('malformed')
  if (root === undefined) return 0
  const corpora: Corpora = {
    zip: await zips(root),
    cms: cmsSeals(root),
    certificate: certificates(root),
    bundle: bundles(root),
    policy: policies(root),
    json: jsonTexts(root),
    request: signedRequests(root),
  }
  const bounded = Object.fromEntries(
    Object.entries(corpora).map(([name, rows]) => [name, spread(rows, n)]),
  ) as unknown as Corpora
  const tally = new Tally()
  await throughFunctions(bounded, tally)
  await throughService(bounded, tally)
  tally.tell()
  console.log(`malformed: ${tally.done} done, ${tally.failed} failed (seed ${seed})`)
  return tally.failed
}

type Corpora = Readonly<
  Record<'zip' | 'cms' | 'certificate' | 'bundle' | 'policy' | 'json' | 'request', readonly Row[]>
>

/** At most so many, from all over. */
function spread(rows: readonly Row[], n: number): readonly Row[] {
  const step = Math.max(1, rows.length / n)
  return rows.filter((_, at) => Math.floor(at / step) !== Math.floor((at - 1) / step))
}

class Tally {
  done = 0
  failed = 0
  readonly #counts = new Map<string, number>()

  take(where: string, id: string, fault: string | undefined): void {
    this.done += 1
    this.#counts.set(where, (this.#counts.get(where) ?? 0) + 1)
    if (fault === undefined) return
    this.failed += 1
    console.log(`FAILED ${where}, ${id}: ${fault}`)
  }

  tell(): void {
    for (const [where, count] of this.#counts) console.log(`${where.padEnd(28)} ${count}`)
  }
}

async function throughFunctions(corpora: Corpora, tally: Tally): Promise<void> {
  const ways = {
    zip: corpora.zip,
    der: [...corpora.cms, ...corpora.certificate],
    bundle: corpora.bundle,
    body: corpora.json,
    sigv4: corpora.request,
    policy: corpora.policy.map(({ id, bytes }) => ({
      id,
      bytes: Buffer.concat([Buffer.from('cedar\n'), bytes]),
    })),
  }
  for (const [name, rows] of Object.entries(ways)) {
    const target = targets[name]
    if (target === undefined) throw new Error(`there is no target ${name}`)
    for (const { id, bytes } of rows) {
      const began = process.cpuUsage()
      let fault: string | undefined
      try {
        await target.run(bytes)
        const { user, system } = process.cpuUsage(began)
        if ((user + system) / 1_000 > TIME_LIMIT_MS) fault = `takes ${(user + system) / 1_000} ms`
      } catch (error) {
        fault = String(error)
      }
      tally.take(`functions ${name}`, id, fault)
    }
  }
}

/** One service for all of them, which has to be there at the end, with its ledger sound. */
async function throughService(corpora: Corpora, tally: Tally): Promise<void> {
  using data = tempDir()
  {
    await using service = await startService({ data: data.path, args: ['--isolation', 'process'] })
    const client = service.client()
    const beforehand = nodePackage('malformed')
    await createActive(client, NAME, { Code: { ZipFile: beforehand } })
    client.destroy()
    const { sha256 } = await openArtifact(bufferSource(beforehand))
    for (const [where, asks] of Object.entries(asksOf(corpora, sha256)))
      await inLanes(asks, async ({ id, what }) => {
        const fault = await faultOf(() => ask(service.admin, what))
        tally.take(`service ${where}`, id, fault)
        await removed(service.admin, what)
      })
    for (const { id, bytes } of corpora.request)
      tally.take('service signed request', id, await rawFault(service.admin, bytes))
    const ready = await fetch(`${service.admin.endpoint}/readyz`).catch(() => undefined)
    const alive = service.ended === undefined && ready?.status === 200
    tally.take('service afterwards', 'is ready', alive ? undefined : service.log.slice(-2_000))
    const lines = service.log.split('\n').filter((line) => line.includes('"level":"error"'))
    tally.take('service afterwards', 'says nothing is wrong', lines[0])
  }
  const { findings } = await verifyDirectory({ dataDir: data.path, database: 'lacre.db' })
  const unsound = findings.length === 0 ? undefined : JSON.stringify(findings[0])
  tally.take('service afterwards', 'its ledger is sound', unsound)
}

interface Asked {
  readonly id: string
  readonly what: Ask
}

/** Each row by every door that takes its kind. */
function asksOf(corpora: Corpora, sha256: string): Readonly<Record<string, readonly Asked[]>> {
  const artifact = `/api/v1/artifacts/${sha256}`
  const seals = ([['bundle', corpora.bundle], ['cms', corpora.cms]] as const).flatMap(([format, rows]) =>
    rows.map(({ id, bytes }) => ({ id, bytes, format })),
  ) // prettier-ignore
  return {
    'function of a zip': corpora.zip.map(({ id, bytes }, index) => ({
      id,
      what: createFunction(`zip-${index}`, { ZipFile: bytes.toString('base64') }),
    })),
    'raw upload of a zip': corpora.zip.map(({ id, bytes }) => ({ id, what: rawUpload(bytes) })),
    'function of a raw upload': corpora.zip.map(({ id, bytes }, index) => ({
      id,
      what: createFunction(`raw-${index}`, { S3Bucket: 'lacre', S3Key: digestOf(bytes) }),
    })),
    'layer of a zip': corpora.zip.map(({ id, bytes }) => ({
      id,
      what: json('POST', '/2018-10-31/layers/malformed/versions', {
        Content: { ZipFile: bytes.toString('base64') },
      }),
    })),
    'seal beside': seals.map(({ id, bytes, format }) => ({
      id,
      what: json('PUT', `${artifact}/seals`, {
        seals: [{ format, body: bytes.toString('base64') }],
      }),
    })),
    'seal inside': seals.map(({ id, bytes, format }, index) => ({
      id,
      what: createFunction(`seal-${index}`, { ZipFile: holding(bytes, SEAL_IDS[format]) }),
    })),
    attestation: corpora.bundle.map(({ id, bytes }) => ({
      id,
      what: {
        method: 'PUT',
        path: `${artifact}/attestations`,
        headers: { 'content-type': 'application/vnd.dev.sigstore.bundle.v0.3+json' },
        body: bytes,
      },
    })),
    'publisher of a certificate': corpora.certificate.map(({ id, bytes }, index) => ({
      id,
      what: json('POST', '/api/v1/publishers', {
        name: `p${index}`,
        pem: encodePem('CERTIFICATE', bytes),
      }),
    })),
    'publisher of a trusted root': corpora.bundle.map(({ id, bytes }, index) => ({
      id,
      what: json('POST', '/api/v1/publishers', {
        name: `r${index}`,
        document: {
          kind: 'oidc',
          trustedRoot: bytes.toString('utf8'),
          issuer: 'https://issuer.example',
          identity: { type: 'email', value: 'a@b.example' },
        },
      }),
    })),
    'JSON body': corpora.json.flatMap(({ id, bytes }) =>
      JSON_DOORS.map(([method, path]) => ({
        id: `${id} ${path}`,
        what: { method, path, body: bytes },
      })),
    ),
  }
}

/** Of each kind one: with a zip in it, without, Signer's, ours, and an event. */
const JSON_DOORS = [
  ['POST', FUNCTIONS],
  ['PUT', `${FUNCTIONS}/${NAME}/code`],
  ['PUT', `${FUNCTIONS}/${NAME}/configuration`],
  ['POST', '/2020-04-22/code-signing-configs'],
  ['POST', '/api/v1/publishers'],
  ['POST', '/api/v1/policy-sets/admission'],
  ['POST', `${FUNCTIONS}/${NAME}/invocations`],
] as const

function json(method: string, path: string, body: unknown): Ask {
  return { method, path, body: JSON.stringify(body) }
}

function createFunction(name: string, Code: Readonly<Record<string, string>>): Ask {
  return json('POST', FUNCTIONS, {
    FunctionName: name,
    Runtime: 'nodejs20.x',
    Handler: 'index.handler',
    Role: 'arn:aws:iam::000000000000:role/lambda',
    Code,
  })
}

function rawUpload(bytes: Buffer): Ask {
  return {
    method: 'PUT',
    path: `/api/v1/artifacts/${digestOf(bytes)}`,
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes,
  }
}

/** A package whose seal block holds these bytes, in base64. */
function holding(payload: Buffer, id: number): string {
  const entries = [{ name: 'index.js', content: 'exports.handler = async () => 1\n' }]
  return buildZip({ entries, gap: sealBlockOf([{ id, payload }]) }).toString('base64')
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** What came to be is not kept, lest the last row meets another service than the first. */
async function removed(admin: AdminFile, { path, body }: Ask): Promise<void> {
  if (path !== FUNCTIONS || typeof body !== 'string') return
  const { FunctionName } = JSON.parse(body) as { FunctionName: string }
  await ask(admin, { method: 'DELETE', path: `${FUNCTIONS}/${FunctionName}` })
}

/** A head of the suite as it stands: signed long ago, by nobody whom the service knows. */
async function rawFault(admin: AdminFile, head: Buffer): Promise<string | undefined> {
  const { hostname, port } = new URL(admin.endpoint)
  const text = await new Promise<string>((resolve) => {
    let received = ''
    const socket = connect(Number(port), hostname)
    socket.setTimeout(TIME_LIMIT_MS, () => socket.destroy())
    socket.on('data', (chunk) => (received += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(received))
    const wire = head.toString('latin1').replaceAll('\n', '\r\n')
    const end = wire.indexOf('\r\n\r\n')
    const lines = end === -1 ? `${wire.replace(/(?:\r\n)*$/, '')}` : wire.slice(0, end)
    const body = end === -1 ? '' : wire.slice(end + 4)
    socket.write(
      `${lines}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      'latin1',
    )
  })
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)
  if (status >= 400 && status < 500) return undefined
  return status === 0 ? 'no answer' : `status ${status}`
}

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items]
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}
