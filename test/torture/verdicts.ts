// What must be refused is, what must be accepted is, and command and service say the same of each case.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  CreateCodeSigningConfigCommand,
  LambdaServiceException,
  PutFunctionCodeSigningConfigCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda'

import { command as verify } from '../../cli/commands/verify.ts'
import { runCommandLine } from '../../cli/run.ts'
import { encodeSealBlock } from '../../services/seal/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { createActive } from '../support/functions.ts'
import { governance } from '../support/governance.ts'
import { identityOf, issue, keyPair, openZip, publicPem, root, sealOf } from '../support/pki.ts'
import { buildZip, sealBlockOf, type ZipSpec } from '../support/zip-builder.ts'
import { corpora } from '../vectors/corpora/index.ts'
import { mutateZip, randomPackage } from './mutation/zip.ts'
import { Seeded } from './seeded.ts'
import { bundles, cmsSeals, findVectors } from './vectors.ts'

/** The function whose code is asked about; nothing is ever put into it. */
const NAME = 'verdicts'
const DAY_MS = 86_400_000
const SEAL_IDS = { bundle: 1, cms: 2 } as const
/** What both may say: refused as a zip, or the verdict as far as AWS's error types tell it. */
type Said = 'refused' | 'tampered' | 'not trusted' | 'trusted' | `other: ${string}`

interface Case {
  readonly id: string
  readonly zip: Buffer
  /** Where only one answer is right. */
  readonly expected?: Said
}

/** Of mutants of sealed packages `n`; of everything else all there is. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const vectors = findVectors('verdicts')
  const found = { done: 0, failed: 0 }
  if (vectors !== undefined) await throughCorpora(vectors, found)
  await compareAll({ n, chance: new Seeded(seed), vectors }, found)
  console.log(`verdicts: ${found.done} done, ${found.failed} failed (seed ${seed})`)
  return found.failed
}

interface Found {
  done: number
  failed: number
}

/** The runners of the corpora, whose rows name what has to come out. */
async function throughCorpora(vectors: string, found: Found): Promise<void> {
  for (const corpus of corpora) {
    const { right, wrong, notApplicable } = await corpus.run(vectors, () => undefined)
    console.log(`${corpus.name.padEnd(20)} ${right} right, ${wrong.length} wrong, ${notApplicable} not applicable`) // prettier-ignore
    // A corpus of which nothing was judged says nothing.
    if (right + wrong.length === 0) found.failed += 1
    found.done += right + wrong.length
    found.failed += wrong.length
    for (const { id, expected, got } of wrong)
      console.log(`FAILED ${corpus.name}, ${id}: expected ${expected}, got ${got}`)
  }
}

interface Plan {
  readonly n: number
  readonly chance: Seeded
  readonly vectors: string | undefined
}

async function compareAll(plan: Plan, found: Found): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-verdicts-'))
  try {
    await using app = await startTestApp()
    const room = await openRoom(app, dir)
    const counts = new Map<string, number>()
    for (const one of [...(await ownCases(room)), ...foreignCases(plan), ...mutants(room, plan)]) {
      const [ours, theirs] = [await saidByCommand(one.zip, room), await saidByService(one.zip, app)]
      found.done += 1
      counts.set(ours, (counts.get(ours) ?? 0) + 1)
      if (ours === theirs && (one.expected ?? ours) === ours) continue
      found.failed += 1
      const file = join(tmpdir(), `lacre-verdicts-${found.done}.zip`)
      writeFileSync(file, one.zip)
      console.log(`FAILED ${one.id}: command ${ours}, service ${theirs}, expected ${one.expected ?? 'the same'}; ${file}`) // prettier-ignore
    }
    for (const [said, count] of counts) console.log(`both say ${said.padEnd(14)} ${count}`)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Two whom both trust: a key, and whoever a root vouches for. */
interface Room {
  readonly dir: string
  readonly key: ReturnType<typeof keyPair>
  readonly authority: ReturnType<typeof root>
  readonly files: { readonly key: string; readonly root: string }
  readonly sealed: ZipSpec[]
}

async function openRoom(app: TestApp, dir: string): Promise<Room> {
  const nowMs = Date.now()
  const times = { fromMs: nowMs - 30 * DAY_MS, untilMs: nowMs + 30 * DAY_MS }
  const key = keyPair('p256', 'verdicts')
  const authority = root(times)
  const files = { key: join(dir, 'key.pem'), root: join(dir, 'root.pem') }
  writeFileSync(files.key, publicPem(key))
  writeFileSync(files.root, authority.pem)
  const arns: string[] = []
  for (const [name, pem] of [
    ['key', publicPem(key)],
    ['root', authority.pem],
  ] as const) {
    // prettier-ignore
    const call = { method: 'POST', path: '/publishers', body: { name, pem } } as const
    const { body } = await governance<{ versions: { arn: string }[] }>(app.admin, call)
    arns.push(body.versions[0]?.arn ?? '')
  }
  await createActive(app.client, NAME)
  const { CodeSigningConfig } = await app.client.send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: arns },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
    }),
  )
  await app.client.send(
    new PutFunctionCodeSigningConfigCommand({
      FunctionName: NAME,
      CodeSigningConfigArn: CodeSigningConfig?.CodeSigningConfigArn ?? '',
    }),
  )
  return { dir, key, authority, files, sealed: [] }
}

/** By signers who are known, unknown, not yet or no longer valid: what has to come out is known. */
async function ownCases({ key, authority, sealed }: Room): Promise<Case[]> {
  const nowMs = Date.now()
  const leaf = (fromDays: number, untilDays: number, issuer = authority) =>
    issue({ issuer, fromMs: nowMs + fromDays * DAY_MS, untilMs: nowMs + untilDays * DAY_MS })
  const signers = [
    ['a known key', key, 'trusted'],
    ['an unknown key', keyPair(), 'not trusted'],
    ['a certificate of the root', leaf(-1, 20), 'trusted'],
    ['a certificate that is over', leaf(-20, -1), 'not trusted'],
    ['a certificate that is not valid yet', leaf(1, 20), 'not trusted'],
    ['a certificate of another root', leaf(-1, 20, root()), 'not trusted'],
  ] as const
  const chance = new Seeded(1)
  const cases: Case[] = []
  for (const [who, holder, expected] of signers)
    for (let round = 0; round < 4; round += 1) {
      const spec = randomPackage(chance)
      const artifact = await openZip(buildZip(spec))
      const gap = encodeSealBlock([await sealOf(artifact, identityOf(holder))])
      sealed.push({ ...spec, gap })
      cases.push({ id: `${who}, ${round}`, zip: buildZip({ ...spec, gap }), expected })
      const other = { ...spec, entries: [...spec.entries, { name: 'z.js', content: 'more' }] }
      const id = `${who}, ${round}, with another file`
      cases.push({ id, zip: buildZip({ ...other, gap }), expected: 'tampered' })
    }
  const bare = buildZip(randomPackage(chance))
  return [...cases, { id: 'no seal', zip: bare, expected: 'not trusted' }]
}

/** Every seal of the vectors inside of a package that it is not about. */
function foreignCases({ vectors }: Plan): Case[] {
  if (vectors === undefined) return []
  const rows = [
    ...bundles(vectors).map((row) => ({ ...row, format: 'bundle' as const })),
    ...cmsSeals(vectors).map((row) => ({ ...row, format: 'cms' as const })),
  ]
  const entries = [{ name: 'index.js', content: 'exports.handler = async () => 1\n' }]
  return rows.map(({ id, bytes, format }) => ({
    id: `${format} ${id}`,
    zip: buildZip({ entries, gap: sealBlockOf([{ id: SEAL_IDS[format], payload: bytes }]) }),
  }))
}

function mutants({ sealed }: Room, { n, chance }: Plan): Case[] {
  const others = sealed.map((spec) => buildZip(spec))
  return Array.from({ length: n }, (_, index) => ({
    id: `mutant ${index}`,
    zip: mutateZip(chance.pick(sealed), chance, others),
  }))
}

/** `lacre verify F.zip --key K --root R --json`. */
async function saidByCommand(zip: Buffer, { dir, files }: Room): Promise<Said> {
  const file = join(dir, 'a.zip')
  writeFileSync(file, zip)
  let [out, err] = ['', '']
  const args = ['verify', file, '--key', files.key, '--root', files.root, '--json']
  const row = { ...verify, load: () => Promise.resolve({ command: verify }) }
  const exit = await runCommandLine([row], {
    args,
    environment: {},
    version: '0',
    out: { write: (text: string) => Boolean((out += text)) },
    err: { write: (text: string) => Boolean((err += text)) },
  })
  const parsed = JSON.parse(out === '' ? err : out) as {
    verdict?: string
    error?: { code: string }
  }
  if (parsed.error?.code === 'INVALID_ARTIFACT') return 'refused'
  if ((parsed.verdict === 'trusted') !== (exit === 0)) return `other: exit ${exit} for ${out}`
  if (parsed.verdict === 'trusted' || parsed.verdict === 'tampered') return parsed.verdict
  return parsed.verdict === undefined ? `other: ${err}` : 'not trusted'
}

const SAID_BY_TYPE: Readonly<Record<string, Said>> = {
  InvalidParameterValueException: 'refused',
  InvalidCodeSignatureException: 'tampered',
  CodeVerificationFailedException: 'not trusted',
}

/** `UpdateFunctionCode` under a config that enforces, without doing it. */
async function saidByService(zip: Buffer, { client }: TestApp): Promise<Said> {
  try {
    const input = { FunctionName: NAME, ZipFile: zip, DryRun: true }
    await client.send(new UpdateFunctionCodeCommand(input))
    return 'trusted'
  } catch (error) {
    if (!(error instanceof LambdaServiceException)) throw error
    return SAID_BY_TYPE[error.name] ?? `other: ${error.name} ${error.message}`
  }
}
