import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPairSync, sign } from 'node:crypto'

import Database from 'better-sqlite3'
import { expect, test } from 'vitest'

import { isSignedBy, noteKey } from '../../../services/ledger/index.ts'
import { preAuthEncoding } from '../../../services/seal/index.ts'
import {
  TestAuthority,
  TestIssuer,
  ecKeyPair,
  hashedRekord,
  withPem,
} from '../../support/authority.ts'
import {
  bodiesOf,
  checkpointOf,
  entryFor,
  isIncluded,
  loggedOf,
  rootsOf,
  submit,
} from '../../support/authority-log.ts'

interface LogInRoot {
  readonly tlogs: readonly {
    readonly baseUrl: string
    readonly publicKey: { readonly rawBytes: string }
    readonly logId: { readonly keyId: string }
  }[]
}

test(
  'a thousand submissions at once get contiguous indexes, proofs that hold, and one tree',
  { timeout: 120_000 },
  async () => {
    await using issuer = await TestIssuer.start()
    await using authority = await TestAuthority.start(issuer)
    const pair = ecKeyPair()
    const requests = Array.from({ length: 1_000 }, (_, at) => entryFor(pair, `entry ${at}`))

    const answers = await Promise.all(requests.map((request) => submit(authority.url, request)))

    const entries = answers.map(loggedOf)
    const checkpoint = await checkpointOf(authority.url)
    const bodies = await bodiesOf(authority.url, checkpoint.size)
    const roots = rootsOf(bodies)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    const indexes = entries.map(({ logIndex }) => Number(logIndex)).sort((a, b) => a - b)
    expect(indexes).toEqual(Array.from({ length: 1_000 }, (_, at) => at))
    expect(entries.every(isIncluded)).toBe(true)
    expect(checkpoint).toMatchObject({ size: 1_000, root: roots[1_000] })
    for (const { inclusionProof, logIndex, canonicalizedBody } of entries) {
      const body = Buffer.from(canonicalizedBody, 'base64').toString()
      expect(bodies[Number(logIndex)]).toBe(body)
      // Every checkpoint that was ever shown is a beginning of the tree there is.
      const root = Buffer.from(inclusionProof.rootHash, 'base64').toString('hex')
      expect(root).toBe(roots[Number(inclusionProof.treeSize)])
    }
  },
)

test('the checkpoint is signed by the log in the trusted root, under its full id; hash tiles make up the tree', async () => {
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  const pair = ecKeyPair()
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, at) => submit(authority.url, entryFor(pair, `tile ${at}`))),
  )

  const checkpoint = await checkpointOf(authority.url)
  const [log] = ((await authority.trustedRoot()) as LogInRoot).tlogs
  const der = Buffer.from(log?.publicKey.rawBytes ?? '', 'base64')
  const pem = `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`
  const key = noteKey(checkpoint.origin, pem)
  const full = await authority.get('/api/v2/tile/0/000')
  const partial = await authority.get('/api/v2/tile/0/001.p/44')
  const above = await authority.get('/api/v2/tile/1/000.p/1')

  expect(checkpoint.origin).toBe(new URL(authority.url).hostname)
  expect(isSignedBy(checkpoint.note, key)).toBe(true)
  const logId = loggedOf(answers[0]!).logId.keyId
  expect(logId).toBe(log?.logId.keyId)
  expect(Buffer.from(logId, 'base64').subarray(0, 4).toString('hex')).toBe(key.id)
  expect([full.bytes.length, partial.bytes.length, above.bytes.length]).toEqual([8192, 1408, 32])
  const bodies = await bodiesOf(authority.url, 256)
  expect(above.bytes.toString('hex')).toBe(rootsOf(bodies)[256])
})

test('refuses tiles beyond the tree, and other spellings of those within', async () => {
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  await submit(authority.url, entryFor(ecKeyPair(), 'only one'))
  const paths = [
    '0/000', '0/000.p/2', '0/000.p/0', '0/000.p/01', '0/000.p/256', '0/0', '0/x000/000.p/1', '00/000.p/1',
    '1/000.p/1', '7/000.p/1', '-1/000', 'entries/001.p/1', 'entries/000.p/2', '0/..%2f000', 'x', '',
  ] // prettier-ignore

  const statuses = await Promise.all(
    paths.map(async (path) => (await authority.get(`/api/v2/tile/${path}`)).status),
  )
  const good = await authority.get('/api/v2/tile/0/000.p/1')

  expect(statuses).toEqual(paths.map(() => 404))
  expect(good.status).toBe(200)
})

test('the same entry again is answered as Rekor v2 does: 409 with the index that it has', async () => {
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  const pair = ecKeyPair()
  await submit(authority.url, entryFor(pair, 'before'))
  const entry = entryFor(pair, 'twice')
  const first = await submit(authority.url, entry)

  const second = await submit(authority.url, entry)
  const both = await Promise.all(
    [1, 2].map(() => submit(authority.url, entryFor(pair, 'x')).then((a) => a.status)),
  )

  expect(first.status).toBe(201)
  expect(second.status).toBe(409)
  expect(second.headers.get('x-log-index')).toBe('1')
  expect(second.json).toMatchObject({ code: 6, reason: 'duplicate-entry' })
  expect(both).toEqual([201, 201])
  expect((await checkpointOf(authority.url)).size).toBe(4)
})

test('logs keys of every kind it names: P-384 and RSA by digest, Ed25519 in an envelope alone', async () => {
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  const message = Buffer.from('by another key')
  const p384 = ecKeyPair('P-384')
  const rsa = withPem(generateKeyPairSync('rsa', { modulusLength: 3072 }))
  const edwards = withPem(generateKeyPairSync('ed25519'))
  const { createHash } = await import('node:crypto')
  const digestOf = (hash: string): Buffer => createHash(hash).update(message).digest()
  const withDetails = (request: object, details: string): object =>
    JSON.parse(JSON.stringify(request).replace('PKIX_ECDSA_P256_SHA_256', details)) as object
  const envelope = {
    dsseRequestV002: {
      envelope: {
        payload: message.toString('base64'),
        payloadType: 'text/plain',
        signatures: [
          {
            sig: sign(null, preAuthEncoding('text/plain', message), edwards.privateKey).toString(
              'base64',
            ),
          },
        ],
      },
      verifiers: [
        {
          publicKey: {
            rawBytes: edwards.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
          },
          keyDetails: 'PKIX_ED25519',
        },
      ],
    },
  }

  const answers = await Promise.all([
    submit(authority.url, withDetails(
      hashedRekord(p384, digestOf('sha384'), sign('sha384', message, p384.privateKey)), 'PKIX_ECDSA_P384_SHA_384')),
    submit(authority.url, withDetails(
      hashedRekord(rsa, digestOf('sha256'), sign('sha256', message, rsa.privateKey)), 'PKIX_RSA_PKCS1V15_3072_SHA256')),
    submit(authority.url, envelope),
    submit(authority.url, withDetails(
      hashedRekord(edwards, digestOf('sha512'), sign(null, message, edwards.privateKey)), 'PKIX_ED25519')),
  ]) // prettier-ignore

  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 400])
  expect(answers[3]?.json['reason']).toBe('key-details')
})

test('a full disk is answered typed, loses nothing that was acknowledged, and passes', async (context) => {
  const path = mkdtempSync(join(tmpdir(), 'lacre-authority-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    rmSync(path, { recursive: true })
    return context.skip('no file system can be mounted here')
  }
  try {
    await using issuer = await TestIssuer.start()
    await using authority = await TestAuthority.start(issuer, { data: join(path, 'data') })
    const pair = ecKeyPair()
    const first = await submit(authority.url, entryFor(pair, 'first'))
    for (const size of [4_000_000, 100_000, 4_096]) fill(join(path, `ballast-${size}`), size)

    const refused: [number, unknown][] = []
    for (let at = 0; at < 200 && refused.length === 0; at += 1) {
      const { status, json } = await submit(authority.url, entryFor(pair, `full ${at}`))
      if (status !== 201) refused.push([status, json['reason']])
    }
    execFileSync('find', [path, '-name', 'ballast-*', '-delete'])
    const after = await submit(authority.url, entryFor(pair, 'after'))

    expect(first.status).toBe(201)
    expect(refused).toEqual([[503, 'out-of-space']])
    expect(after.status).toBe(201)
    expect(isIncluded(loggedOf(after))).toBe(true)
    const { size } = await checkpointOf(authority.url)
    expect((await bodiesOf(authority.url, size))[0]).toBe(
      Buffer.from(loggedOf(first).canonicalizedBody, 'base64').toString(),
    )
  } finally {
    execFileSync('umount', [path])
    rmSync(path, { recursive: true, force: true })
  }
})

function fill(path: string, size: number): void {
  try {
    writeFileSync(path, Buffer.alloc(size))
  } catch {
    // As full as it gets.
  }
}

test('a log whose rows were cut off or changed does not open', async () => {
  await using issuer = await TestIssuer.start()
  const parent = mkdtempSync(join(tmpdir(), 'lacre-authority-cut-'))
  const data = join(parent, 'data')
  mkdirSync(data)
  try {
    {
      await using authority = await TestAuthority.start(issuer, { data })
      const pair = ecKeyPair()
      for (const text of ['a', 'b', 'c']) await submit(authority.url, entryFor(pair, text))
    }
    const db = new Database(join(data, 'authority.db'))
    db.exec('drop trigger log_node_no_update')
    db.exec(`update log_node set hash = '${'0'.repeat(64)}' where level = 0 and "index" = 2`)
    db.close()

    await expect(TestAuthority.start(issuer, { data })).rejects.toMatchObject({
      code: 'LEDGER_BROKEN',
    })
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
})
