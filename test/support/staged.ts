import type { KeyObject } from 'node:crypto'

import type { Decision, Facts, Json } from '../../services/model/index.ts'
import { readDecision } from '../../services/operations/decisions.ts'
import { createPublisher } from '../../services/operations/index.ts'
import { CALLER, startLambdaApi, type Answered, type LambdaApi } from './lambda-api.ts'
import { nodePackage } from './packages.ts'
import { keyPair } from './publisher-keys.ts'
import { bundleSeal, sealedZip } from './zip-seals.ts'

export const NAME = 'fn'
const ROLE = 'arn:aws:iam::000000000000:role/lambda-role'
const path = { FunctionName: NAME }

export interface Staged extends AsyncDisposable {
  readonly api: LambdaApi
  /** Publishes a new version with a sealed counter; without one, unsigned. Answers its number. */
  readonly release: (name: string, counter?: string, key?: KeyObject) => Promise<string>
  /** Points an alias, made where it is not there. */
  readonly point: (
    alias: string,
    version: string,
    second?: Readonly<Record<string, number>>,
  ) => Promise<Answered>
  /** A publisher with a key of its own; `ci` is there. */
  readonly publisher: (name: string) => Promise<KeyObject>
  readonly ci: KeyObject
  readonly hours: (count: number) => void
  /** The decision behind an answer, with its facts. */
  readonly decision: (
    answer: Answered,
  ) => Promise<{ readonly decision: Decision; readonly facts: Facts }>
}

/** The service below its edge, on a clock that the test moves, with a function and a publisher `ci`. */
export async function startStaged(): Promise<Staged> {
  const api = await startLambdaApi()
  const publisher = async (name: string): Promise<KeyObject> => {
    const { publicPem, privateKey } = keyPair()
    await createPublisher(api.deps, CALLER, { name, publisher: { pem: publicPem, settings: {} } })
    return privateKey
  }
  const ci = await publisher('ci')
  const zipOf = async (name: string, counter?: string, key = ci): Promise<Uint8Array> => {
    const zip = nodePackage(name)
    if (counter === undefined) return zip
    return await sealedZip(zip, await bundleSeal(zip, key, { counter } as Record<string, Json>))
  }
  let exists = false
  return {
    api,
    ci,
    publisher,
    release: async (name, counter, key) => {
      const zip = await zipOf(name, counter, key)
      const json = {
        FunctionName: NAME,
        Role: ROLE,
        Runtime: 'nodejs20.x',
        Handler: 'index.handler',
      }
      const answer = exists
        ? await api.call('UpdateFunctionCode', { path, json: {}, zip })
        : await api.call('CreateFunction', { json, zip })
      exists = true
      if (answer.status >= 300) throw new Error(JSON.stringify(answer.body))
      await api.settle()
      const published = await api.call('PublishVersion', { path })
      const number = published.body['Version']
      if (typeof number !== 'string') throw new Error(JSON.stringify(published.body))
      return number
    },
    point: async (alias, version, second) => {
      const routing = { AdditionalVersionWeights: second ?? {} }
      const json = { FunctionVersion: version, RoutingConfig: routing } as never
      const found = await api.call('GetAlias', { path: { ...path, Name: alias } })
      if (found.status === 200)
        return await api.call('UpdateAlias', { path: { ...path, Name: alias }, json })
      const made = {
        Name: alias,
        FunctionVersion: version,
        ...(second && { RoutingConfig: routing }),
      }
      return await api.call('CreateAlias', { path, json: made as never })
    },
    hours: (count) => api.clock.advance(count * 3_600_000),
    decision: async ({ headers }) =>
      (await readDecision(api.deps, headers['x-lacre-decision-id'] ?? '')) as unknown as {
        decision: Decision
        facts: Facts
      },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  }
}

/** The checks of one rule, as `status got`. */
export function told({ checks }: Decision, rule: string): string[] {
  return checks.filter((one) => one.rule === rule).map(({ status, got }) => `${status} ${got}`)
}
