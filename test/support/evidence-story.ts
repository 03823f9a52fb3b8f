import {
  CreateAliasCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { openArtifact } from '../../services/artifact/index.ts'
import { bufferSource } from '../../services/model/index.ts'
import { startTestApp, type TestApp } from './app.ts'
import { TYPE, attestationOf } from './attestations.ts'
import { lambdaClient, type AdminFile } from './client.ts'
import { createActive, refusalOf, updateAndWait } from './functions.ts'
import { governance } from './governance.ts'
import { nodePackage } from './packages.ts'
import { addPerson } from './people.ts'
import { OPEN, apply } from './policy-sets.ts'
import { keyPair } from './publisher-keys.ts'
import { createPublisher } from './publishing.ts'
import { signWithSmithy } from './signers.ts'
import { bundleSeal, sealedZip } from './zip-seals.ts'

export interface EvidenceStory extends AsyncDisposable {
  readonly app: TestApp
  /** Before the function was there, and before its second version was live. */
  readonly beginning: string
  readonly middle: string
  /** Ids of decisions that refused. */
  readonly refused: readonly string[]
  readonly breakGlass: string
  readonly publisherKeyPem: string
  /** Asks for an archive as somebody. */
  readonly ask: (
    query: Readonly<Record<string, string>>,
    who?: AdminFile,
    alias?: string,
  ) => Promise<{ readonly status: number; readonly bytes: Buffer; readonly headers: Headers }>
}

/**
 * A service with a past: sealed deployments with approvals, refusals, an attestation, a break-glass and its end, a
 * revocation, another policy set, and another function beside it.
 */
export async function startEvidenceStory(): Promise<EvidenceStory> {
  const app = await startTestApp({ policySet: 'separation-of-duties' })
  const people = {
    dora: await addPerson(app, 'dora'),
    alice: await addPerson(app, 'alice'),
    bob: await addPerson(app, 'bob'),
    robot: await addPerson(app, 'robot', { kind: 'workload' }),
  }
  const client = lambdaClient(people.dora)
  const ci = await createPublisher(app, 'ci')
  await ownSigner(app, people.robot.principal)
  await createPublisher(app, 'spare')
  const release = async (name: string) => {
    const zip = nodePackage(name)
    return await sealedZip(zip, await bundleSeal(zip, ci.privateKey))
  }
  const beginning = await tick()
  const first = await release('checkout one')
  await createActive(client, 'checkout', { Code: { ZipFile: first }, Publish: true })
  await attest(app, first)
  await approve(people, 'checkout', '1')
  await client.send(
    new CreateAliasCommand({ FunctionName: 'checkout', Name: 'prod', FunctionVersion: '1' }),
  )
  await createActive(client, 'other', { Code: { ZipFile: await release('other') }, Publish: true })
  await updateAndWait(client, 'checkout', await release('checkout two'))
  await client.send(new PublishVersionCommand({ FunctionName: 'checkout' }))
  const middle = await tick()
  const refusals = [await refusalOf(move(client, '2'))]
  await approve(people, 'checkout', '2')
  await move(client, '2')
  const breakGlass = await breakGlassOnce(app, client, people)
  await governance(app.admin, {
    method: 'POST',
    path: '/revocations',
    body: { target: { kind: 'publisher', name: 'spare' }, reason: 'left <b>the</b> company' },
  })
  refusals.push(await refusalOf(move(client, '3')))
  const applied = await apply(app.admin, 'open', OPEN)
  if (applied.status !== 201 && applied.status !== 200) throw new Error(JSON.stringify(applied))
  await move(client, '1')
  return {
    app,
    beginning,
    middle,
    refused: refusals.map(({ decisionId }) => decisionId ?? ''),
    breakGlass,
    publisherKeyPem: ci.publicPem ?? '',
    ask: (query, who = app.admin, alias = 'prod') =>
      askArchive(who, `/api/v1/evidence/checkout/${alias}`, query),
    [Symbol.asyncDispose]: async () => {
      client.destroy()
      await app[Symbol.asyncDispose]()
    },
  }
}

type People = Readonly<
  Record<'dora' | 'alice' | 'bob' | 'robot', AdminFile & { principal: string }>
>

/** An instant that lies between what was done and what follows. */
async function tick(): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 3))
  const now = new Date().toISOString()
  await new Promise((resolve) => setTimeout(resolve, 3))
  return now
}

async function ownSigner(app: TestApp, owner: string): Promise<void> {
  await governance(app.admin, {
    method: 'PUT',
    path: '/signer-owners',
    body: { signer: { kind: 'publisher', name: 'ci' }, owner },
  })
}

async function approve(people: People, functionName: string, version: string): Promise<void> {
  const asked = await governance<{ id: string }>(people.dora, {
    method: 'POST',
    path: '/approvals',
    body: { functionName, alias: 'prod', version, reason: 'release' },
  })
  if (asked.status !== 201) throw new Error(JSON.stringify(asked.body))
  for (const one of [people.alice, people.bob])
    await governance(one, { method: 'POST', path: `/approvals/${asked.body.id}/approve` })
}

async function move(client: LambdaClient, version: string): Promise<void> {
  await client.send(
    new UpdateAliasCommand({ FunctionName: 'checkout', Name: 'prod', FunctionVersion: version }),
  )
}

/** A third, unsigned version, let in by two persons, and out again. */
async function breakGlassOnce(app: TestApp, client: LambdaClient, people: People): Promise<string> {
  await updateAndWait(client, 'checkout', nodePackage('checkout three'))
  await client.send(new PublishVersionCommand({ FunctionName: 'checkout' }))
  const { body, status } = await governance<{ id: string }>(people.dora, {
    method: 'POST',
    path: '/break-glass',
    body: {
      functionName: 'checkout',
      alias: 'prod',
      version: '3',
      reason: 'checkout is down',
      ticket: 'INC-7',
      ttlMs: 3_600_000,
    },
  })
  if (status !== 201) throw new Error(JSON.stringify(body))
  const act = (who: AdminFile, what: string) =>
    governance(who, { method: 'POST', path: `/break-glass/${body.id}/${what}` })
  await act(people.bob, 'grant')
  await move(client, '3')
  await act(app.admin, 'end')
  return body.id
}

/** An attester of its own says something of the first version. */
async function attest(app: TestApp, zip: Uint8Array): Promise<void> {
  const { publicPem, privateKey } = keyPair()
  const document = {
    kind: 'key',
    keys: [{ publicKeyPem: publicPem }],
    forms: ['statement'],
    purposes: [`attest:${TYPE.tests}`],
  }
  const made = await governance(app.admin, {
    method: 'POST',
    path: '/publishers',
    body: { name: 'tester', document },
  })
  if (made.status >= 300) throw new Error(JSON.stringify(made.body))
  const { sha256 } = await openArtifact(bufferSource(zip))
  const predicate = { result: 'PASSED', configuration: [] }
  const answer = await governance(app.admin, {
    method: 'POST',
    path: `/artifacts/${sha256}/attestations`,
    raw: attestationOf(sha256, privateKey, { type: TYPE.tests, predicate }),
  })
  if (answer.status >= 300) throw new Error(JSON.stringify(answer.body))
}

export async function askArchive(
  who: AdminFile,
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly bytes: Buffer; readonly headers: Headers }> {
  const { host } = new URL(who.endpoint)
  const signed = await signWithSmithy(who, {
    method: 'GET',
    path,
    query: { ...query },
    headers: { host },
    region: who.region,
    body: '',
  })
  const { host: _, ...headers } = signed.headers
  const response = await fetch(`${who.endpoint}${signed.url}`, { headers })
  const bytes = Buffer.from(await response.arrayBuffer())
  return { status: response.status, bytes, headers: response.headers }
}
