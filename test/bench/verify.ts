import { spawnSync } from 'node:child_process'
import {
  createHash,
  createSign,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import {
  digestOf,
  openArtifact,
  unsealedSource,
  withSealBlock,
} from '../../services/artifact/index.ts'
import {
  bufferSource,
  toIsoTime,
  type Artifact,
  type SealForm,
  type SealInput,
  type Verdict,
} from '../../services/model/index.ts'
import { encodeBundle, encodeSealBlock } from '../../services/seal/index.ts'
import { judge, VerificationCache } from '../../services/trust/index.ts'
import { writeFileFrom } from '../../cli/files.ts'
import { identityOf, issue, keyPair, publisher, sealOf } from '../support/pki.ts'
import { buildZip } from '../support/zip-builder.ts'
import type { Figure } from './run.ts'

const MB = 1_048_576
const RUNS = 5
const WARM_RUNS = 30
const RSS_SIZES_MB = [10, 50, 200]
const AT_MS = Date.UTC(2026, 5, 1)

/**
 * Judging seals beside hashing the same bytes once with node:crypto, in the same run. Judging includes the pass that
 * gives the digest, since a verdict without it says nothing; the strict profile stands apart.
 */
export async function verifyBench(): Promise<readonly Figure[]> {
  return [...(await ratios(50)), ...(await warm(1)), ...(await memory())]
}

interface Case {
  readonly name: string
  readonly form: SealForm
  readonly seal: SealInput
  readonly pem: string
}

async function ratios(sizeMb: number): Promise<Figure[]> {
  const zip = randomZip(sizeMb)
  const artifact = await openArtifact(bufferSource(zip))
  const hashMs = median(RUNS, () => createHash('sha256').update(zip).digest())
  const figures = [figure(`SHA-256 of ${sizeMb} MB once`, hashMs, 'ms')]
  for (const one of await cases(artifact)) {
    const source = unsealedSource(artifact)
    const ms = median(RUNS, () => {
      const digest = Buffer.from(digestOf(source, 'sha256')).toString('hex')
      if (digest !== artifact.sha256) throw new Error('the digest differs')
      judgeOnce(artifact, one, new VerificationCache())
    })
    figures.push(
      figure(`digest and seal, ${one.name}, ${sizeMb} MB`, ms / hashMs, '× of hashing once'),
    )
  }
  const strictMs = await medianAsync(5, async () => await openArtifact(bufferSource(zip)))
  figures.push(
    figure(
      `strict profile with both digests, ${sizeMb} MB`,
      strictMs / hashMs,
      '× of hashing once',
    ),
  )
  return figures
}

/** Opened and judged, with what a worker remembers: another artifact of the same signer each time. */
async function warm(sizeMb: number): Promise<Figure[]> {
  const figures: Figure[] = []
  const first = await openArtifact(bufferSource(randomZip(sizeMb)))
  for (const { name } of (await cases(first)).filter(({ form }) => form !== 'message')) {
    const cache = new VerificationCache()
    const times: number[] = []
    for (let i = 0; i < WARM_RUNS; i += 1) {
      const zip = randomZip(sizeMb)
      const opened = await openArtifact(bufferSource(zip))
      const one = (await cases(opened)).find((other) => other.name === name)
      if (one === undefined) throw new Error('the case is gone')
      const start = performance.now()
      judgeOnce(await openArtifact(bufferSource(zip)), one, cache)
      times.push(performance.now() - start)
    }
    times.splice(0, 10)
    const one = (await cases(first)).find((other) => other.name === name)
    const judgeMs = median(WARM_RUNS, () => one && judgeOnce(first, one, new VerificationCache()))
    figures.push(figure(`judged alone, ${name}, ${sizeMb} MB, warm`, judgeMs, 'ms'))
    figures.push(figure(`opened and judged, ${name}, ${sizeMb} MB, warm`, middle(times), 'ms'))
  }
  return figures
}

/** Prints its own peak when it ends. */
const MEASURED =
  "process.on('exit', () => console.error(process.resourceUsage().maxRSS)); import(process.argv[1])"

/** How much higher the peak of `lacre verify` is than over a zip of 1 MB: a process of its own for each size. */
async function memory(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-bench-'))
  try {
    writeFileSync(join(dir, 'leaf.pem'), leaf.pem)
    const peaks: { sizeMb: number; peakMb: number }[] = []
    for (const sizeMb of [1, ...RSS_SIZES_MB]) {
      const artifact = await openArtifact(bufferSource(randomZip(sizeMb)))
      const block = encodeSealBlock([await sealOf(artifact, identityOf(leaf))])
      writeFileFrom(join(dir, 'f.zip'), withSealBlock(artifact, block))
      peaks.push({ sizeMb, peakMb: peakOf(dir) })
    }
    const [floor, ...rest] = peaks
    return rest.map(({ sizeMb, peakMb }) =>
      figure(
        `peak memory of \`lacre verify\`, ${sizeMb} MB over 1 MB`,
        peakMb - (floor?.peakMb ?? 0),
        'MB',
      ),
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
}

function peakOf(dir: string): number {
  const program = resolve('dist/cli/main.js')
  const asked = [
    'verify',
    join(dir, 'f.zip'),
    '--root',
    join(dir, 'leaf.pem'),
    '--at',
    toIsoTime(AT_MS),
  ]
  const done = spawnSync(process.execPath, ['-e', MEASURED, program, ...asked], {
    encoding: 'utf8',
  })
  if (done.status !== 0) throw new Error(`verify ended with ${done.status}: ${done.stderr}`)
  return Number(done.stderr.trim().split('\n').at(-1)) / 1_024
}

const key = keyPair('p256')
const leaf = issue({ key })
const rsa = issue({ key: keyPair('rsa2048') })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })

async function cases(artifact: Artifact): Promise<readonly Case[]> {
  const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const wide = issue({ key: p384 })
  return [
    { name: 'statement', form: 'statement', seal: await sealOf(artifact, identityOf(key)), pem },
    {
      name: 'CMS, P-256',
      form: 'cms',
      seal: await sealOf(artifact, identityOf(leaf)),
      pem: leaf.pem,
    },
    { name: 'CMS, RSA', form: 'cms', seal: await sealOf(artifact, identityOf(rsa)), pem: rsa.pem },
    {
      name: 'CMS, P-384 (SHA-384 read apart)',
      form: 'cms',
      seal: await sealOf(artifact, identityOf(wide)),
      pem: wide.pem,
    },
    { name: 'plain message', form: 'message', seal: messageSeal(artifact, key.privateKey), pem },
  ]
}

function messageSeal(artifact: Artifact, privateKey: KeyObject): SealInput {
  const signer = createSign('sha256')
  const source = unsealedSource(artifact)
  for (let at = 0; at < source.sizeBytes; at += MB)
    signer.update(source.read(at, Math.min(MB, source.sizeBytes - at)))
  const bytes = encodeBundle({
    format: 'bundle',
    signer: { kind: 'key', hint: '' },
    content: {
      kind: 'message',
      digest: Buffer.from(artifact.sha256, 'hex'),
      signature: signer.sign(privateKey),
    },
    logEntries: [],
    timestamps: [],
  })
  return { format: 'bundle', place: 'detached', bytes }
}

function judgeOnce(artifact: Artifact, one: Case, cache: VerificationCache): Verdict {
  const team = publisher(one.pem)
  const verdict = judge(
    {
      artifact,
      unsealed: unsealedSource(artifact),
      kind: 'function',
      name: 'bench',
      account: '000000000000',
      seals: [one.seal],
      publishers: [{ ...team, document: { ...team.document, forms: [one.form] } }],
      revocations: [],
      atMs: AT_MS,
    },
    cache,
  )
  if (verdict.kind !== 'trusted') throw new Error(`${one.name} is ${verdict.kind}`)
  return verdict
}

/** Random content, stored: nothing that inflating could hide behind. */
function randomZip(sizeMb: number): Buffer {
  return buildZip({ entries: [{ name: 'index.js', content: randomBytes(sizeMb * MB) }] })
}

function median(runs: number, work: () => unknown): number {
  const times: number[] = []
  for (let i = 0; i < runs; i += 1) {
    const start = performance.now()
    work()
    times.push(performance.now() - start)
  }
  return middle(times)
}

async function medianAsync(runs: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < runs; i += 1) {
    const start = performance.now()
    await work()
    times.push(performance.now() - start)
  }
  return middle(times)
}

function middle(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
}

function figure(name: string, value: number, unit: string): Figure {
  return { name, value: Number(value.toFixed(2)), unit }
}
