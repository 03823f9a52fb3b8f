import {
  CreateAliasCommand,
  PublishVersionCommand,
  TagResourceCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'

import type { TestApp } from './app.ts'
import type { AdminFile } from './client.ts'
import { createActive, refusalOf, updateAndWait } from './functions.ts'
import { governance } from './governance.ts'
import { nodePackage } from './packages.ts'
import { addPerson } from './people.ts'
import { root } from './pki.ts'
import { OPEN, apply } from './policy-sets.ts'
import { createConfig, createPublisher } from './publishing.ts'
import { bundleSeal, sealedZip } from './zip-seals.ts'

/** Would run in a page that wrote it as it came; the mark is what a test looks for. */
export const HOSTILE = `"'><img src=x onerror=document.title='hacked'><script>document.title='hacked'</script>\u202eevil`

export interface ConsoleStory {
  readonly functionName: string
  readonly alice: AdminFile & { readonly principal: string }
  /** Of the refused deployment. */
  readonly refusal: string
  readonly approval: string
  readonly breakGlass: string
}

/** Three hours of attempts, with a tail that grows and some minutes in which they fail: what metering would hold of them. */
function tellAttempts({ deps: { metering, clock } }: TestApp, functionName: string): void {
  const nowMs = clock.nowMs()
  for (let minutes = 175; minutes > 0; minutes -= 1) {
    // A while in which nothing ran.
    if (minutes > 120 && minutes < 130) continue
    const failing = minutes > 20 && minutes < 40
    for (let one = 0; one < 20; one += 1) {
      const durationMs = 8 + one + (one > 17 ? (180 - minutes) * 4 : 0)
      metering?.record({
        endedAtMs: nowMs - minutes * 60_000,
        requestId: `story-${minutes}-${one}`,
        functionName,
        version: '1',
        attempt: 1,
        outcome: failing && one % 4 === 0 ? 'error' : 'success',
        durationMs,
        billedMs: Math.ceil(durationMs),
        memoryMb: 128,
        maxMemoryMb: 40,
      })
    }
  }
}

/** Two invocations' lines of version 1, with what a function may write that would do something where it was believed. */
export function tellLines(app: Pick<TestApp, 'deps'>, functionName: string, text: string): void {
  const { logs } = app.deps
  const stream = `2026/05/03/[1]${'0'.repeat(32)}`
  const target = { group: `/aws/lambda/${functionName}`, stream, functionName }
  for (const request of ['4f1c2f5e', '5a2d3b6c']) {
    const requestId = `${request}-7a68-4a0e-9d4a-0a5f3d1c9b11`
    for (const line of [
      `START RequestId: ${requestId} Version: 1`,
      `order taken\tcart 17\r  by ${text}`,
      `\u001b[31mERROR\u001b[0m card refused\0: ${text}`,
      `END RequestId: ${requestId}`,
    ])
      logs?.append(target, line, requestId)
  }
}

/** A little of everything that the console shows, with hostile text wherever others choose it. */
export async function tellConsoleStory(app: TestApp, text = HOSTILE): Promise<ConsoleStory> {
  const { admin, client } = app
  const functionName = 'checkout'
  const alice = await addPerson(app, 'alice')
  const ci = await createPublisher(app, 'ci_release')
  const config = await createConfig(app, 'Enforce', ci.arn)
  const sealed = async (release: string): Promise<Buffer> => {
    const zip = nodePackage(release)
    return await sealedZip(zip, await bundleSeal(zip, ci.privateKey))
  }
  const first = { Code: { ZipFile: await sealed('one') }, CodeSigningConfigArn: config }
  const { FunctionArn: arn } = await createActive(client, functionName, first)
  await client.send(
    new PublishVersionCommand({ FunctionName: functionName, Description: text.slice(0, 250) }),
  )
  await updateAndWait(client, functionName, await sealed('two'))
  await client.send(new PublishVersionCommand({ FunctionName: functionName }))
  for (const [Name, FunctionVersion] of [
    ['prod', '1'],
    ['staging', '2'],
  ] as const)
    await client.send(
      new CreateAliasCommand({
        FunctionName: functionName,
        Name,
        FunctionVersion,
        Description: text.slice(0, 250),
      }),
    )
  await client.send(
    new UpdateAliasCommand({
      FunctionName: functionName,
      Name: 'prod',
      RoutingConfig: { AdditionalVersionWeights: { 2: 0.1 } },
    }),
  )
  await client.send(
    new TagResourceCommand({
      Resource: arn,
      Tags: { owner: text.replaceAll(/[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu, '') },
    }),
  )
  await client.send(
    new UpdateFunctionConfigurationCommand({
      FunctionName: functionName,
      Description: text.slice(0, 250),
    }),
  )
  const unsigned = { FunctionName: functionName, ZipFile: nodePackage('unsigned') }
  const refused = await refusalOf(client.send(new UpdateFunctionCodeCommand(unsigned)))
  const post = async (path: string, body: unknown, who: AdminFile = admin): Promise<string> => {
    const answer = await governance<{ id?: string }>(who, { method: 'POST', path, body })
    if (answer.status >= 300)
      throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body.id ?? ''
  }
  const certificate = root({ subject: text.slice(0, 60) })
  await post('/publishers', {
    name: 'corporate',
    pem: certificate.pem,
    subjects: [`CN=${text.slice(0, 60)}`],
  })
  const move = { functionName, alias: 'prod', version: '2' }
  const approval = await post('/approvals', { ...move, reason: text })
  const breakGlass = await post('/break-glass', {
    ...move,
    reason: text,
    ticket: text.slice(0, 190),
    ttlMs: 3_600_000,
  })
  await apply(admin, 'open', OPEN)
  await apply(
    admin,
    'reasons',
    `${OPEN}@id("never")\n@reason(${JSON.stringify(text)})\nforbid (principal, action, resource) when { context.now < datetime("2020-01-01") };`,
  )
  tellAttempts(app, functionName)
  tellLines(app, functionName, text)
  return { functionName, alice, refusal: refused.decisionId ?? '', approval, breakGlass }
}
