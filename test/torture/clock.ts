// The service's wall clock is set back and forth, also while a deployment runs, under certificates that are valid for hours.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import {
  CreateCodeSigningConfigCommand,
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaServiceException,
  ResourceConflictException,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { governance } from '../support/governance.ts'
import { nodePackage } from '../support/packages.ts'
import { identityOf, issue, openZip, readAll, root, sealOf, withSeals } from '../support/pki.ts'
import { startService, type Service } from '../support/service.ts'
import { wrongInDirectory, wrongInLedger } from './directory.ts'
import { latestCheckpoint, OutsideEvidence } from './outside.ts'
import { Seeded } from './seeded.ts'

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'
const HOUR_MS = 3_600_000
const VALID_MS = 2 * HOUR_MS
/** RELIABILITY, row 5. */
const OFFSETS_MS = [0, 600_000, -600_000, 24 * HOUR_MS, -24 * HOUR_MS] as const
/** For how long libfaketime believes what it read of the file. */
const CACHE_SECONDS = '0.02'
const LATEST_MS = 15_000
/** A second's fraction is not told, and an answer is dated by the second before. */
const TOLERANCE_MS = 5_000
const POLL_MS = 60
const NAME = 'clocked'

/** Answers how many steps of the clock let something through that was not valid, refused what was, or were not survived. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  if (!existsSync(LIBRARY)) {
    console.log('clock: skipped, Debian package libfaketime is not installed')
    return 0
  }
  const chance = new Seeded(seed)
  const dir = mkdtempSync(join(tmpdir(), 'lacre-clock-'))
  const clock = new SetClock(join(dir, 'clock'))
  let failed = 0
  let service = await startService({ data: join(dir, 'data'), env: clock.env })
  try {
    const pki = makePki(Date.now())
    const config = await trust(service, pki.rootPem)
    const sdk = service.client()
    const live = new Set([await create(sdk, config, await pki.sealed('release-0'))])
    using outside = new OutsideEvidence(await latestCheckpoint(service))
    console.log(`clock: ${n} steps, seed ${seed}`)
    for (let index = 1; index <= n; index += 1) {
      const during = chance.fraction() < 0.4
      const offsets = [chance.pick(OFFSETS_MS), during ? chance.pick(OFFSETS_MS) : undefined]
      const zip = await pki.sealed(`release-${index}`)
      const { how, wrong } = await step(service, sdk, { clock, offsets, chance, zip, live })
      console.log(
        `  ${index}/${n} ${offsets.filter((one) => one !== undefined).join(' ms, then ')} ms: ${how}, ${wrong.length === 0 ? 'ok' : 'FAILED'}`,
      )
      for (const line of wrong) console.log(`    ${line}`)
      if (wrong.length > 0) failed += 1
    }
    clock.set(0)
    sdk.destroy()
    await untilTime(service, 0)
    const wrong = [...wrongInDirectory(service.data), ...wrongInLedger(service.data, outside)]
    await service.stop()
    service = await startService({ data: service.data, env: clock.env })
    for (const line of wrong) console.log(`    at the end: ${line}`)
    if (wrong.length > 0) failed += 1
    console.log(`clock: ${n} done, ${failed} failed (seed ${seed})`)
  } finally {
    if (service.ended === undefined) await service.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  return failed
}

/** The wall clock of one process, moved by a file; time that only passes (monotonic) is left alone. */
class SetClock {
  readonly #file: string
  readonly env: Readonly<Record<string, string>>

  constructor(file: string) {
    this.#file = file
    this.env = {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: CACHE_SECONDS,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
    this.set(0)
  }

  set(offsetMs: number): void {
    const seconds = offsetMs / 1_000
    writeFileSync(this.#file, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  }
}

interface Pki {
  readonly rootPem: string
  sealed(release: string): Promise<Buffer>
}

/** A CA for years; whoever signs has a certificate for an hour before and after this moment. */
function makePki(nowMs: number): Pki {
  const ca = root({ fromMs: nowMs - 400 * 24 * HOUR_MS, untilMs: nowMs + 400 * 24 * HOUR_MS })
  const leaf = issue({ issuer: ca, fromMs: nowMs - VALID_MS, untilMs: nowMs + VALID_MS })
  const identity = identityOf(leaf)
  return {
    rootPem: ca.pem,
    async sealed(release) {
      const artifact = await openZip(nodePackage(release))
      const seals = [await sealOf(artifact, identity)]
      return Buffer.from(readAll((await withSeals(artifact, seals)).source))
    },
  }
}

async function trust(service: Service, rootPem: string): Promise<string> {
  const document = { kind: 'x509', rootsPem: [rootPem] }
  const { status, body } = await governance<{ versions: { arn: string }[] }>(service.admin, {
    method: 'POST',
    path: '/publishers',
    body: { name: 'clock', document },
  })
  const arn = body.versions[0]?.arn
  if (status >= 300 || arn === undefined) throw new Error(`the publisher: ${JSON.stringify(body)}`)
  const sdk = service.client()
  const { CodeSigningConfig } = await sdk.send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: [arn] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
    }),
  )
  sdk.destroy()
  return CodeSigningConfig?.CodeSigningConfigArn ?? ''
}

async function create(sdk: LambdaClient, config: string, zip: Buffer): Promise<string> {
  const made = await sdk.send(
    new CreateFunctionCommand({
      FunctionName: NAME,
      Runtime: 'nodejs20.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::000000000000:role/lambda',
      Code: { ZipFile: zip },
      CodeSigningConfigArn: config,
    }),
  )
  await settled(sdk)
  return made.CodeSha256 ?? ''
}

async function step(
  service: Service,
  sdk: LambdaClient,
  by: {
    readonly clock: SetClock
    readonly offsets: readonly (number | undefined)[]
    readonly chance: Seeded
    readonly zip: Buffer
    readonly live: Set<string>
  },
): Promise<{ how: string; wrong: string[] }> {
  const { clock, chance, live } = by
  const [before = 0, after] = by.offsets
  const wrong: string[] = []
  clock.set(before)
  sdk.config.systemClockOffset = before
  await untilTime(service, before)
  const sent = deploy(sdk, by.zip)
  if (after !== undefined) {
    await sleep(chance.integer(0, 40))
    clock.set(after)
  }
  const answer = await sent
  const valid = [before, after ?? before].map((offset) => Math.abs(offset) < VALID_MS)
  if (answer.codeSha256 !== undefined) live.add(answer.codeSha256)
  if (answer.codeSha256 !== undefined && !valid.includes(true))
    wrong.push('accepted under a certificate that was not valid at any time of it')
  if (answer.codeSha256 === undefined && !valid.includes(false) && after === undefined)
    wrong.push(`refused under a valid certificate: ${answer.error}`)
  if (answer.status !== undefined && answer.status >= 500) wrong.push(answer.error)
  // Whoever asks has the service's time again.
  sdk.config.systemClockOffset = after ?? before
  if (service.ended === undefined) await untilTime(service, after ?? before)
  if (service.ended !== undefined)
    return { how: 'ended', wrong: [...wrong, service.log.slice(-2_000)] }
  try {
    await settled(sdk)
    const { CodeSha256 } = await sdk.send(
      new GetFunctionConfigurationCommand({ FunctionName: NAME }),
    )
    if (!live.has(CodeSha256 ?? ''))
      wrong.push(`active, although never acknowledged: ${CodeSha256}`)
    const { FunctionError } = await sdk.send(
      new InvokeCommand({ FunctionName: NAME, Payload: '{}' }),
    )
    if (FunctionError !== undefined) wrong.push(`the function answered ${FunctionError}`)
  } catch (error) {
    wrong.push(`afterwards: ${String(error)}`)
  }
  return {
    how: answer.codeSha256 === undefined ? `refused (${answer.error.slice(0, 60)})` : 'accepted',
    wrong,
  }
}

/** Until the service dates its answers so. */
async function untilTime({ url }: Service, offsetMs: number): Promise<void> {
  const limit = performance.now() + LATEST_MS
  for (;;) {
    const { headers } = await fetch(`${url}/api/v1/none`)
    const told = Date.parse(headers.get('date') ?? '') - Date.now() - offsetMs
    if (Math.abs(told) < TOLERANCE_MS) return
    if (performance.now() > limit) throw new Error(`the service's clock is off by ${told} ms`)
    await sleep(POLL_MS)
  }
}

async function deploy(
  sdk: LambdaClient,
  ZipFile: Buffer,
): Promise<{ codeSha256?: string; status?: number | undefined; error: string }> {
  for (;;) {
    try {
      const { CodeSha256 } = await sdk.send(
        new UpdateFunctionCodeCommand({ FunctionName: NAME, ZipFile }),
      )
      return { codeSha256: CodeSha256 ?? '', error: '' }
    } catch (error) {
      if (!(error instanceof LambdaServiceException)) throw error
      const { httpStatusCode: status } = error.$metadata
      if (!(error instanceof ResourceConflictException)) {
        return { status, error: `${status} ${error.name}: ${error.message}` }
      }
      await sleep(POLL_MS)
    }
  }
}

async function settled(client: LambdaClient): Promise<void> {
  await waitUntilFunctionUpdatedV2(
    { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
    { FunctionName: NAME },
  )
}
