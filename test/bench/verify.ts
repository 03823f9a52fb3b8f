import { spawnSync } from 'node:child_process'
import { createHash, createSign, randomBytes, type KeyObject } from 'node:crypto'
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
  type PublisherDocument,
  type SealForm,
  type SealInput,
  type Verdict,
} from '../../services/model/index.ts'
import { encodeBundle, encodeSealBlock } from '../../services/seal/index.ts'
import {
  judge,
  parsePublisherDocument,
  publisherFromPem,
  VerificationCache,
} from '../../services/trust/index.ts'
import { writeFileFrom } from '../../cli/files.ts'
import { AT_MS, identityOf, issue, keyPair, publisher, readAll, sealOf } from '../support/pki.ts'
import { detached, IDENTITY, ISSUER, TestSigstore } from '../support/sigstore.ts'
import { buildZip } from '../support/zip-builder.ts'
import type { Figure } from './run.ts'
import { median } from './statistics.ts'

const MB = 1_048_576
const STORED = 0
const DEFLATED = 8
const RUNS = 9
const WARM_RUNS = 40
const WARM_UP = 10
const RSS_SIZES_MB = [10, 50, 200]
const RSS_RUNS = 3

/**
 * Judging seals beside hashing the same bytes once with node:crypto, turn by turn in the same run. Judging includes
 * the pass that gives the digest, since a verdict without it says nothing; the strict profile stands apart.
 */
export async function verifyBench(): Promise<readonly Figure[]> {
  return [...(await ratios(50)), ...(await warm(1)), ...(await memory())]
}

/** One way of sealing: the publisher who trusts it, and a seal over any artifact. */
interface Case {
  readonly name: string
  /** What is asked of it: × of hashing 50 MB once, and ms for 1 MB once warm; absent where nothing is. */
  readonly ratio?: number
  readonly warmMs?: number
  /** Beside this digest too, where the seal is over another than SHA-256. */
  readonly hash?: 'sha384'
  readonly document: PublisherDocument
  readonly seal: (artifact: Artifact) => Promise<SealInput>
}

const sigstore = new TestSigstore()
const key = keyPair('p256')
const leaf = issue({ key })
const rsa = issue({ key: keyPair('rsa2048') })
const wide = issue({ key: keyPair('p384') })

const cases: readonly Case[] = [
  {
    name: 'statement',
    ratio: 1.3,
    warmMs: 5,
    document: publisherFromPem(pemOf(key.publicKey)),
    seal: async (artifact) => await sealOf(artifact, identityOf(key)),
  },
  {
    name: 'CMS, P-256',
    ratio: 1.3,
    warmMs: 5,
    document: publisherFromPem(leaf.pem),
    seal: async (artifact) => await sealOf(artifact, identityOf(leaf)),
  },
  {
    name: 'CMS, RSA',
    ratio: 1.3,
    warmMs: 5,
    document: publisherFromPem(rsa.pem),
    seal: async (artifact) => await sealOf(artifact, identityOf(rsa)),
  },
  {
    name: 'CMS, P-384',
    ratio: 1.3,
    warmMs: 5,
    document: publisherFromPem(wide.pem),
    seal: async (artifact) => await sealOf(artifact, identityOf(wide)),
  },
  {
    name: 'CMS, P-384 over SHA-384 (another pass)',
    hash: 'sha384',
    document: publisherFromPem(wide.pem),
    seal: async (artifact) => {
      const identity = identityOf(wide)
      const { anyDigest: _any, ...signer } = identity.signer
      return await sealOf(artifact, { ...identity, signer })
    },
  },
  {
    name: 'keyless',
    ratio: 1.3,
    warmMs: 20,
    document: parsePublisherDocument({
      kind: 'oidc',
      trustedRoot: sigstore.trustedRoot(),
      issuer: ISSUER,
      identity: { type: 'uri', value: IDENTITY },
    }),
    seal: async (artifact) =>
      await Promise.resolve(detached(sigstore.sign(readAll(unsealedSource(artifact))).bundle)),
  },
  {
    name: 'plain message',
    ratio: 2.4,
    document: withForm(publisherFromPem(pemOf(key.publicKey)), 'message'),
    seal: async (artifact) => await Promise.resolve(messageSeal(artifact, key.privateKey)),
  },
]

async function ratios(sizeMb: number): Promise<Figure[]> {
  const zip = randomZip(sizeMb)
  const artifact = await openArtifact(bufferSource(zip))
  const source = unsealedSource(artifact)
  const hashOnce = (hash: string) => (): unknown => createHash(hash).update(zip).digest()
  const figures: Figure[] = []
  for (const one of cases) {
    const seal = await one.seal(artifact)
    const work = (): void => {
      const digest = Buffer.from(digestOf(source, 'sha256')).toString('hex')
      if (digest !== artifact.sha256) throw new Error('the digest differs')
      judgeOnce(artifact, one, seal, new VerificationCache())
    }
    const [onceMs, ms] = await inTurn(RUNS, [hashOnce('sha256'), work])
    const name = `digest and seal, ${one.name}, ${sizeMb} MB`
    figures.push(
      figure(name, ms / onceMs, `× of hashing once (${onceMs.toFixed(0)} ms)`, one.ratio),
    )
    if (one.hash !== undefined) {
      const [otherMs, again] = await inTurn(RUNS, [hashOnce(one.hash), work])
      const unit = `× of hashing once by its own ${one.hash} (${otherMs.toFixed(0)} ms)`
      figures.push(figure(name, again / otherMs, unit))
    }
  }
  const open = async (): Promise<unknown> => await openArtifact(bufferSource(zip))
  const [onceMs, strictMs] = await inTurn(RUNS, [hashOnce('sha256'), open])
  const name = `strict profile with both digests, ${sizeMb} MB`
  return [...figures, figure(name, strictMs / onceMs, '× of hashing once')]
}

/** Opened and judged, with what a worker remembers: another artifact of the same signer each time. */
async function warm(sizeMb: number): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const one of cases.filter(({ document }) => !document.forms.includes('message'))) {
    const cache = new VerificationCache()
    const opening: number[] = []
    const judging: number[] = []
    const both: number[] = []
    // what a busy machine does not take part in
    const cpu: number[] = []
    for (let i = 0; i < WARM_RUNS; i += 1) {
      const zip = randomZip(sizeMb)
      const seal = await one.seal(await openArtifact(bufferSource(zip)))
      const before = process.cpuUsage()
      const start = performance.now()
      const artifact = await openArtifact(bufferSource(zip))
      const opened = performance.now()
      judgeOnce(artifact, one, seal, cache)
      const end = performance.now()
      const { user, system } = process.cpuUsage(before)
      if (i < WARM_UP) continue
      cpu.push((user + system) / 1_000)
      opening.push(opened - start)
      judging.push(end - opened)
      both.push(end - start)
    }
    const name = `${one.name}, ${sizeMb} MB, warm`
    const parts = `ms (${median(opening).toFixed(2)} of it the strict profile, ${median(judging).toFixed(2)} the seal; ${median(cpu).toFixed(2)} ms of processor)`
    figures.push(figure(`opened and judged, ${name}`, median(both), parts, one.warmMs))
  }
  return figures
}

/**
 * Prints its own peak when it ends. getrusage's would count what the process that started it held then (exec keeps it);
 * VmHWM is of this program alone.
 */
const MEASURED = `process.on('exit', () => {
  const status = require('node:fs').readFileSync('/proc/self/status', 'utf8')
  console.error(/VmHWM:\\s*(\\d+) kB/.exec(status)[1])
}); import(process.argv[1])`

/** The peak of `lacre verify`, and how much higher it is than over a zip of 1 MB: a process of its own each time. */
async function memory(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-bench-'))
  try {
    writeFileSync(join(dir, 'leaf.pem'), leaf.pem)
    const figures: Figure[] = []
    for (const [what, method] of Object.entries({ stored: STORED, deflated: DEFLATED })) {
      let floorMb = 0
      for (const sizeMb of [1, ...RSS_SIZES_MB]) {
        const artifact = await openArtifact(bufferSource(randomZip(sizeMb, method)))
        const block = encodeSealBlock([await sealOf(artifact, identityOf(leaf))])
        writeFileFrom(join(dir, 'f.zip'), withSealBlock(artifact, block))
        const peaks = Array.from({ length: RSS_RUNS }, () => peakOf(dir))
        const peakMb = median(peaks)
        if (sizeMb === 1) floorMb = peakMb
        const over = sizeMb === 1 ? 'MB' : `MB, ${(peakMb - floorMb).toFixed(1)} over that of 1 MB`
        figures.push(figure(`peak memory of \`lacre verify\`, ${sizeMb} MB ${what}`, peakMb, over))
      }
    }
    return figures
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

function pemOf(publicKey: KeyObject): string {
  return publicKey.export({ format: 'pem', type: 'spki' }).toString()
}

function withForm(document: PublisherDocument, form: SealForm): PublisherDocument {
  return { ...document, forms: [form] }
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

function judgeOnce(
  artifact: Artifact,
  one: Case,
  seal: SealInput,
  cache: VerificationCache,
): Verdict {
  const verdict = judge(
    {
      artifact,
      unsealed: unsealedSource(artifact),
      kind: 'function',
      name: 'bench',
      account: '000000000000',
      seals: [seal],
      publishers: [publisher(one.document)],
      revocations: [],
      atMs: AT_MS,
    },
    cache,
  )
  if (verdict.kind !== 'trusted') throw new Error(`${one.name} is ${verdict.kind}`)
  return verdict
}

/** Random content: nothing that inflating could hide behind. */
function randomZip(sizeMb: number, method = STORED): Buffer {
  const content = randomBytes(sizeMb * MB)
  return buildZip({ entries: [{ name: 'index.js', content, method }] })
}

/** The median of each piece of work, done one after the other so that a busy machine is busy for all of them. */
async function inTurn(
  runs: number,
  [first, second]: readonly [() => unknown, () => unknown],
): Promise<readonly [number, number]> {
  const times: [number[], number[]] = [[], []]
  for (let i = 0; i <= runs; i += 1) {
    for (const [at, work] of [first, second].entries()) {
      const start = performance.now()
      await work()
      // the first of each warms up
      if (i > 0) times[at]?.push(performance.now() - start)
    }
  }
  return [median(times[0]), median(times[1])]
}

function figure(name: string, value: number, unit: string, asked?: number): Figure {
  const limit = asked === undefined ? '' : `; asked: at most ${asked}`
  return { name, value: Number(value.toFixed(2)), unit: `${unit}${limit}` }
}
