// Mutants of signed packages, read by us and by others: what we accept, nobody may read as something else.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { makeSeal } from '../../cli/signing/index.ts'
import { openArtifact } from '../../services/artifact/index.ts'
import { PlatformError, bufferSource, sha256, type Artifact } from '../../services/model/index.ts'
import { encodeSealBlock } from '../../services/seal/index.ts'
import {
  AT_MS,
  identityOf,
  issue,
  judgeZip,
  keyPair,
  openZip,
  publicPem,
  publisher,
  root,
  sealOf,
  type TestCertificate,
} from '../support/pki.ts'
import { buildZip, type ZipSpec } from '../support/zip-builder.ts'
import { judgeCms } from '../vectors/corpora/cms.ts'
import { mutateCms } from './mutation/cms.ts'
import { mutateZip, randomPackage } from './mutation/zip.ts'
import {
  saidByOpenssl,
  seenByBsdtar,
  seenByUnzip,
  seenByYauzl,
  viewOf,
  type Seen,
  type View,
} from './readers.ts'
import { Seeded } from './seeded.ts'

const PACKAGES = 40
/** One mutant in so many is one of a CMS signature, the others are packages. */
const CMS_SHARE = 4
const PAYLOAD = Buffer.from('the bytes that were signed\n')

interface SealedPackage {
  readonly spec: ZipSpec
  readonly tree: string
}

interface Ground {
  readonly key: ReturnType<typeof keyPair>
  readonly packages: readonly SealedPackage[]
  readonly bytes: readonly Buffer[]
  readonly signer: TestCertificate
  readonly cms: Buffer
  readonly rootPem: string
  readonly payloadFile: string
  readonly rootFile: string
  readonly readers: Readers
}

type Readers = readonly (readonly [name: string, read: (zip: Buffer) => Seen | Promise<Seen>])[]

/** Those that this machine has. */
function findReaders(): Readers {
  const readers: Readers = [
    ['yauzl', seenByYauzl],
    ['unzip', seenByUnzip],
    ['bsdtar', seenByBsdtar],
  ]
  return readers.filter(([name]) => {
    const there = name === 'yauzl' || spawnSync(name, ['--help'], { stdio: 'ignore' }).status === 0
    if (!there) console.log(`skipped: ${name} is not on this machine`)
    return there
  })
}

/** Answers how many mutants we accept that another reader sees as something else. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const chance = new Seeded(seed)
  const dir = mkdtempSync(join(tmpdir(), 'lacre-differential-'))
  const counts = new Map<string, number>()
  let failed = 0
  try {
    const ground = await prepare(chance, dir)
    for (let done = 0; done < n; done += 1) {
      const cms = done % CMS_SHARE === CMS_SHARE - 1
      const mutant = cms ? mutateOneCms(ground, chance) : mutateOnePackage(ground, chance)
      const { what, wrong } = cms
        ? readCms(ground, mutant.bytes)
        : await readPackage(ground, mutant)
      counts.set(what, (counts.get(what) ?? 0) + 1)
      if (wrong === undefined) continue
      failed += 1
      const file = join(tmpdir(), `lacre-differential-${seed}-${done}.${cms ? 'der' : 'zip'}`)
      writeFileSync(file, mutant.bytes)
      console.log(`FAILED ${done}: ${wrong}; kept as ${file}`)
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  for (const [what, count] of [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${what.padEnd(34)} ${count}`)
  console.log(`differential: ${n} done, ${failed} failed (seed ${seed})`)
  return failed
}

/** Signers and what they signed; keys are new at each run, whose signatures are as long as at every other. */
async function prepare(chance: Seeded, dir: string): Promise<Ground> {
  const key = keyPair('ed25519', 'differential')
  const packages: SealedPackage[] = []
  for (let index = 0; index < PACKAGES; index += 1) {
    const spec = randomPackage(chance)
    const artifact = await openZip(buildZip(spec))
    const seal = await sealOf(artifact, identityOf(key))
    packages.push({ spec: { ...spec, gap: encodeSealBlock([seal]) }, tree: artifact.tree })
  }
  const authority = root({ key: keyPair('rsa2048', 'authority') })
  const signer = issue({ issuer: authority, key: keyPair('rsa2048', 'signer') })
  const cms = await cmsOver(PAYLOAD, signer)
  const payloadFile = join(dir, 'payload')
  const rootFile = join(dir, 'root.pem')
  writeFileSync(payloadFile, PAYLOAD)
  writeFileSync(rootFile, authority.pem)
  const bytes = packages.map(({ spec }) => buildZip(spec))
  const files = { payloadFile, rootFile, rootPem: authority.pem }
  const ground = { key, packages, bytes, signer, cms, ...files, readers: findReaders() }
  await checkGround(ground)
  return ground
}

/** What nothing was done to has to be read whole by everybody, or nothing would be compared. */
async function checkGround(ground: Ground): Promise<void> {
  for (const bytes of ground.bytes) {
    const artifact = await openZip(bytes)
    if (verdictOf(artifact, ground.key) !== 'trusted')
      throw new Error('a seal of ours does not hold')
    const ours = await viewOf(artifact)
    for (const [name, read] of ground.readers) {
      const { view, whole } = await read(bytes)
      if (!whole || differenceOf(ours, view) !== undefined)
        throw new Error(`${name} does not read an untouched package`)
    }
  }
  const { what, wrong } = readCms(ground, ground.cms)
  if (what !== 'CMS trusted' || wrong !== undefined)
    throw new Error(`the untouched CMS: ${what}, ${wrong ?? ''}`)
}

function mutateOnePackage({ packages, bytes }: Ground, chance: Seeded) {
  const { spec, tree } = chance.pick(packages)
  return { bytes: mutateZip(spec, chance, bytes), tree }
}

function mutateOneCms({ cms, signer }: Ground, chance: Seeded) {
  return { bytes: mutateCms(cms, signer, chance), tree: '' }
}

interface Reading {
  readonly what: string
  readonly wrong?: string
}

async function readPackage(
  { key, readers }: Ground,
  { bytes, tree }: { bytes: Buffer; tree: string },
): Promise<Reading> {
  const artifact = await openOrRefuse(bytes)
  if (artifact === undefined) return { what: 'package refused' }
  const verdict = verdictOf(artifact, key)
  const what = `package ${verdict}`
  if (verdict === 'trusted' && artifact.tree !== tree)
    return { what, wrong: 'trusted, and the tree is not the one that was signed' }
  const ours = await viewOf(artifact)
  for (const [name, read] of readers) {
    const { view, whole } = await read(bytes)
    const difference = whole ? differenceOf(ours, view) : undefined
    if (difference !== undefined) return { what, wrong: `${name} sees ${difference}` }
  }
  return { what }
}

async function openOrRefuse(bytes: Buffer): Promise<Artifact | undefined> {
  try {
    return await openArtifact(bufferSource(bytes))
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_ARTIFACT') return undefined
    throw error
  }
}

/** A block that cannot be read is one that was tampered with. */
function verdictOf(artifact: Artifact, key: ReturnType<typeof keyPair>): string {
  try {
    return judgeZip(artifact, [publisher(publicPem(key))]).kind
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_SEAL') return 'tampered'
    throw error
  }
}

function differenceOf(ours: View, theirs: View): string | undefined {
  for (const [path, digest] of theirs) {
    const own = ours.get(path)
    if (own === undefined) return `\`${path}\`, which we do not`
    if (own !== digest) return `another content of \`${path}\``
  }
  for (const path of ours.keys()) if (!theirs.has(path)) return `no \`${path}\``
  return undefined
}

/** Both are asked whether the root's signer signed this content. */
function readCms({ rootPem, payloadFile, rootFile }: Ground, cms: Buffer): Reading {
  const { kind } = judgeCms({ payload: PAYLOAD, cms, rootsPem: [rootPem], atMs: AT_MS })
  const what = `CMS ${kind}`
  if (kind !== 'trusted') return { what }
  const said = saidByOpenssl(cms, { content: payloadFile, root: rootFile, atMs: AT_MS })
  if (said === 'unread') return { what: 'CMS trusted, unread by OpenSSL' }
  return said === 'holds' ? { what } : { what, wrong: 'for OpenSSL it does not hold' }
}

async function cmsOver(payload: Buffer, signer: TestCertificate): Promise<Buffer> {
  const subject = { name: 'payload', sha256: sha256(payload), unsealed: bufferSource(payload) }
  return Buffer.from(await makeSeal('cms', { identity: identityOf(signer) }, subject, {}))
}
