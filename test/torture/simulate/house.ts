import {
  createPublisher,
  mapSigner,
  type Caller,
  type Deps,
} from '../../../services/operations/index.ts'
import { LiveJudge } from '../../../services/operations/live-judge.ts'
import type { App } from '../../../services/app.ts'
import type { Json } from '../../../services/model/index.ts'
import type { Reader } from '../../../services/store/index.ts'
import { loadShippedPolicies } from '../../../services/shipped-policies.ts'
import { CALLER, startLambdaApi, type Answered, type LambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { addPerson } from '../../support/people.ts'
import { askInstead } from '../../support/policies.ts'
import { keyPair } from '../../support/publisher-keys.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'
import type { SimVersion } from './oracle.ts'

export const OWNER = 'sim'
/** Whose key seals everything. */
export const SIGNER = 'usr-sam'
export const PEOPLE = ['usr-ann', 'usr-bob', 'usr-cid', SIGNER] as const

const DAY_MS = 86_400_000
const FUNCTION = { FunctionName: OWNER }
/** What the fourth one's seal is good for. */
const ENDING_MS = 45 * DAY_MS
const SIGNED: readonly (Readonly<{ counter: number; endsAfterMs?: number }> | undefined)[] = [
  { counter: 1 },
  { counter: 2 },
  { counter: 3 },
  { counter: 4, endsAfterMs: ENDING_MS },
  { counter: 2 },
  undefined,
]

/** The service below its edge, in virtual time, with a function of sealed versions, one that nobody sealed, and people. */
export interface House extends AsyncDisposable {
  readonly api: LambdaApi
  readonly deps: Deps
  readonly versions: ReadonlyMap<string, SimVersion>
  /** Digests of the versions' seals. */
  readonly seals: ReadonlyMap<string, string>
  as(principal: string): Caller
  /** Attaches a config that enforces, or detaches it. */
  enforce(on: boolean): Promise<void>
  demandApprovals(on: boolean): void
  /** The versions that an alias serves, and how they stand as the live verifier finds it. */
  look(alias: string): Promise<ReadonlyMap<string, string>>
}

export async function openHouse(): Promise<House> {
  const api = await startLambdaApi()
  const { deps } = api
  const { publicPem, privateKey } = keyPair()
  const { result: publisher } = await createPublisher(deps, CALLER, {
    name: 'ci',
    publisher: { pem: publicPem, settings: {} },
  })
  await addPeople(deps)
  await mapSigner(deps, CALLER, { signer: { kind: 'publisher', name: 'ci' }, owner: SIGNER })
  const versions = new Map<string, SimVersion>()
  for (const [index, signed] of SIGNED.entries()) {
    const notAfterMs =
      signed?.endsAfterMs === undefined ? null : deps.clock.nowMs() + signed.endsAfterMs
    const seal = signed && { counter: signed.counter, notAfterMs }
    const number = await release(api, { name: `release ${index}`, seal, privateKey })
    versions.set(number, { number, seal })
  }
  const made = await call(api, 'CreateCodeSigningConfig', {
    json: {
      AllowedPublishers: { SigningProfileVersionArns: publisher.versions.map(({ arn }) => arn) },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
    },
  })
  const config = made.body['CodeSigningConfig'] as Readonly<Record<string, Json>>
  const duties = loadShippedPolicies('separation-of-duties')
  let openAgain: (() => void) | undefined
  const { place } = deps
  return {
    api,
    deps,
    versions,
    seals: await sealDigests(deps),
    as: (id) => ({
      ...CALLER,
      principal: { id, kind: 'user', name: id, roles: ['admin'], claims: {} },
    }),
    enforce: async (on) => {
      const json = { CodeSigningConfigArn: config['CodeSigningConfigArn'] ?? '' }
      if (on) await call(api, 'PutFunctionCodeSigningConfig', { path: FUNCTION, json })
      else await call(api, 'DeleteFunctionCodeSigningConfig', { path: FUNCTION })
    },
    demandApprovals: (on) => {
      openAgain?.()
      openAgain = on ? askInstead(api, duties) : undefined
    },
    look: async (alias) => {
      const judge = new LiveJudge({
        place,
        isolation: 'none',
        policies: deps.policies,
        examiner: deps.examiner,
      })
      const asked = { atMs: deps.clock.nowMs(), clockIsOff: false }
      return await deps.store.snapshot(async (reader) => {
        const rows = await openRows(reader, alias)
        const found = new Map<string, string>()
        for (const { id, version } of rows) {
          const one = await judge.one(reader, { ...asked, liveId: id })
          if (one !== undefined) found.set(version, one.finding.state)
        }
        return found
      })
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  }
}

async function openRows(reader: Reader, alias: string) {
  return await reader
    .selectFrom('live_interval')
    .select(['id', 'version'])
    .where('function_name', '=', OWNER)
    .where('alias', '=', alias)
    .where('to_ms', 'is', null)
    .execute()
}

async function addPeople(deps: Deps): Promise<void> {
  const admin = { endpoint: '', region: '', account: '', accessKeyId: '', secretAccessKey: '' }
  for (const id of PEOPLE)
    await addPerson({ deps: deps as App['deps'], admin }, id.slice('usr-'.length))
}

async function release(
  api: LambdaApi,
  of: {
    readonly name: string
    readonly seal: SimVersion['seal']
    readonly privateKey: Parameters<typeof bundleSeal>[1]
  },
): Promise<string> {
  const bare = nodePackage(of.name)
  const { seal } = of
  const predicate: Record<string, Json> =
    seal === undefined
      ? {}
      : {
          counter: String(seal.counter),
          ...(seal.notAfterMs !== null && { notAfter: new Date(seal.notAfterMs).toISOString() }),
        }
  const zip =
    seal === undefined
      ? bare
      : await sealedZip(bare, await bundleSeal(bare, of.privateKey, predicate))
  const there = await api.call('GetFunctionConfiguration', { path: FUNCTION })
  const json = {
    ...FUNCTION,
    Role: 'arn:aws:iam::000000000000:role/lambda-role',
    Runtime: 'nodejs20.x',
    Handler: 'index.handler',
  }
  if (there.status === 200) await call(api, 'UpdateFunctionCode', { path: FUNCTION, json: {}, zip })
  else await call(api, 'CreateFunction', { json, zip })
  await api.settle()
  const { body } = await call(api, 'PublishVersion', { path: FUNCTION })
  const number = body['Version']
  if (typeof number !== 'string') throw new Error('a version has no number')
  return number
}

async function call(
  api: LambdaApi,
  operation: string,
  called: Parameters<LambdaApi['call']>[1],
): Promise<Answered> {
  const answer = await api.call(operation, called)
  if (answer.status < 300) return answer
  throw new Error(`${operation}: ${answer.status} ${JSON.stringify(answer.body)}`)
}

/** As the decisions told of them that let the versions in. */
async function sealDigests({ store }: Deps): Promise<ReadonlyMap<string, string>> {
  const rows = await store.reader
    .selectFrom('function_version')
    .innerJoin('decision', 'decision.id', 'function_version.decision_id')
    .innerJoin('document', 'document.sha256', 'decision.facts')
    .select(['function_version.version', 'document.body'])
    .execute()
  const digests = new Map<string, string>()
  for (const { version, body } of rows) {
    const facts = JSON.parse(body) as {
      readonly subjects: readonly {
        readonly verdict: { readonly seals: readonly { digest: string }[] }
      }[]
    }
    const digest = facts.subjects[0]?.verdict.seals[0]?.digest
    if (digest !== undefined && version !== '$LATEST') digests.set(version, digest)
  }
  return digests
}
