import { setTimeout as sleep } from 'node:timers/promises'

import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'

import { liveTable } from '../support/governance.ts'
import type { Service } from '../support/service.ts'
import type { TortureClient } from './client.ts'
import { missingDecisions, unsettled, wrongInDirectory, wrongInLedger } from './directory.ts'
import { textOf, type Expected } from './expected.ts'
import { observe } from './observe.ts'
import type { OutsideEvidence } from './outside.ts'
import type { Seeded } from './seeded.ts'

const SETTLE_LIMIT_MS = 20_000
const POLL_MS = 25
/** Functions invoked after each kill. */
const INVOKED = 3

/** Everything that does not hold after a restart, in words; empty where all does. */
export async function judgeRestart(
  service: Service,
  clients: readonly TortureClient[],
  by: { readonly chance: Seeded; readonly outside: OutsideEvidence },
): Promise<string[]> {
  const { chance, outside } = by
  const sdk = service.client(3)
  try {
    const wrong = clients.flatMap((client) => client.wrong)
    for (const client of clients) wrong.push(...(await reconcile(sdk, client)))
    wrong.push(...(await settle(service.data)))
    const all = clients.map((client) => client.now)
    wrong.push(...(await wrongInLive(service, all)))
    wrong.push(...(await invokeSome(sdk, clients, chance)))
    wrong.push(...wrongInDirectory(service.data), ...wrongInLedger(service.data, outside))
    const decisions = clients.flatMap((client) => client.decisions)
    for (const id of missingDecisions(service.data, decisions))
      wrong.push(`the acknowledged decision ${id} is lost`)
    return wrong
  } finally {
    sdk.destroy()
  }
}

/** What the service holds is what was acknowledged, with or without the one call that got no answer. */
async function reconcile(sdk: LambdaClient, client: TortureClient): Promise<string[]> {
  const names = {
    functions: client.functionNames,
    layers: [`${client.shop.client}-layer`],
  }
  const got = textOf(await observe(sdk, names))
  const { uncertain } = client
  client.uncertain = undefined
  if (uncertain !== undefined && got === textOf(uncertain.after)) {
    client.now = uncertain.after
    return []
  }
  if (got === textOf(client.now)) return []
  const unanswered = uncertain === undefined ? 'none' : uncertain.what
  return [
    `lost or half-applied (unanswered: ${unanswered})\n  acknowledged ${textOf(client.now)}\n  found        ${got}`,
  ]
}

/** Every version that was being prepared is prepared. */
async function settle(data: string): Promise<string[]> {
  const limit = performance.now() + SETTLE_LIMIT_MS
  for (;;) {
    const { open, failed } = unsettled(data)
    if (failed.length > 0) return [`failed to activate: ${failed.join('; ')}`]
    if (open === 0) return []
    if (performance.now() > limit) return [`${open} versions did not settle`]
    await sleep(POLL_MS)
  }
}

/** The open live intervals are exactly what the API says can be invoked. */
async function wrongInLive(service: Service, states: readonly Expected[]): Promise<string[]> {
  const wanted: string[] = []
  for (const state of states) {
    for (const [name, owner] of Object.entries(state.functions)) {
      const slot = (alias: string, kind: string, version: string, weight: number): void => {
        const code = version === '$LATEST' ? owner : owner.versions[version]
        wanted.push([name, alias, kind, version, weight, toHex(code?.codeSha256)].join(' '))
      }
      slot('$LATEST', 'primary', '$LATEST', 1)
      for (const version of Object.keys(owner.versions)) slot(version, 'primary', version, 1)
      for (const [alias, { version, weights }] of Object.entries(owner.aliases)) {
        const [second] = Object.entries(weights)
        slot(alias, 'primary', version, 1 - (second?.[1] ?? 0))
        if (second !== undefined) slot(alias, 'weighted', second[0], second[1])
      }
    }
  }
  const rows = await liveTable(service.admin)
  const got = rows.map((row) =>
    [row.functionName, row.alias, row.slot, row.version, row.weight, row.codeSha256].join(' '),
  )
  const missing = wanted.filter((line) => !got.includes(line))
  const surplus = got.filter((line) => !wanted.includes(line))
  return [
    ...missing.map((line) => `not live, although it can be invoked: ${line}`),
    ...surplus.map((line) => `live, although it cannot be invoked: ${line}`),
  ]
}

const toHex = (base64: string | undefined): string =>
  Buffer.from(base64 ?? '', 'base64').toString('hex')

/** A few functions answer, with the code that was admitted. */
async function invokeSome(
  sdk: LambdaClient,
  clients: readonly TortureClient[],
  chance: Seeded,
): Promise<string[]> {
  const targets = clients.flatMap((client) =>
    Object.entries(client.now.functions).flatMap(([name, owner]) => [
      { client, name, qualifier: '$LATEST', codes: [owner.codeSha256] },
      ...Object.entries(owner.aliases).map(([alias, { version, weights }]) => ({
        client,
        name,
        qualifier: alias,
        codes: [version, ...Object.keys(weights)].map((one) => owner.versions[one]?.codeSha256),
      })),
    ]),
  )
  const wrong: string[] = []
  for (let count = 0; count < INVOKED && targets.length > 0; count += 1) {
    const { client, name, qualifier, codes } = chance.pick(targets)
    const releases = codes.map((code) => client.shop.releases.get(code ?? ''))
    try {
      const answer = await sdk.send(
        new InvokeCommand({ FunctionName: name, Qualifier: qualifier, Payload: '{}' }),
      )
      const payload = JSON.parse(Buffer.from(answer.Payload ?? []).toString()) as {
        release?: string
      }
      if (answer.FunctionError !== undefined || !releases.includes(payload.release))
        wrong.push(
          `${name}:${qualifier} answered ${JSON.stringify(payload)}, not ${releases.join()}`,
        )
    } catch (error) {
      wrong.push(`${name}:${qualifier} could not be invoked: ${String(error)}`)
    }
  }
  return wrong
}
