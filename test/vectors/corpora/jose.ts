import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { readKeySet, verifySignedToken } from '../../../services/auth/index.ts'
import { PlatformError } from '../../../services/model/index.ts'
import type { CorpusResult, WrongRow } from '../corpus.ts'

type Jwk = Readonly<Record<string, unknown>>

interface Row {
  readonly id: string
  readonly token: string
  /** As an issuer would publish them. */
  readonly keys: readonly Jwk[]
  readonly valid: boolean
}

/** What the service takes; everything else is refused whatever its signature says (exceptions.md). */
const TAKEN = new Set(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])
const SECRET = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth']

function publicHalf(key: Jwk): Jwk {
  return Object.fromEntries(Object.entries(key).filter(([name]) => !SECRET.includes(name)))
}

/** The service's own reader of keys, and its own check of form and signature. */
async function answerOf(token: string, keys: readonly Jwk[]): Promise<string> {
  try {
    const set = readKeySet(Buffer.from(JSON.stringify({ keys })))
    await verifySignedToken(token, set.keys)
    return 'accepted'
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_TOKEN') return 'refused'
    // A set of keys that is none, or that gives a secret away.
    if (error instanceof TypeError && /JWK set/.test(error.message)) return 'refused'
    return `crash: ${String(error)}`
  }
}

const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

interface Example {
  readonly input: { readonly key: Jwk | readonly Jwk[] }
  readonly output: {
    readonly compact?: string
    readonly json: {
      readonly payload: string
      readonly signatures: readonly { readonly protected?: string; readonly signature: string }[]
    }
  }
}

/** RFC 7520, RFC 8037 and RFC 7797: the compact form, and each signature of the JSON form put into it. */
function* cookbook(folder: string): Generator<Row> {
  for (const part of ['jws', 'curve25519', 'rfc7797']) {
    if (!existsSync(join(folder, part))) continue
    for (const file of readdirSync(join(folder, part)).sort()) {
      const { input, output } = read(join(folder, part, file)) as Example
      const given = [input.key].flat() as readonly Jwk[]
      // Beside others a shared secret is not published; alone it is the row's own point.
      const published = given.filter((key) => key['kty'] !== 'oct')
      const keys = (published.length > 0 ? published : given).map(publicHalf)
      const forms = output.json.signatures.map(
        (one) => `${one.protected ?? ''}.${output.json.payload}.${one.signature}`,
      )
      const tokens = new Set([...(output.compact === undefined ? [] : [output.compact]), ...forms])
      for (const [at, token] of [...tokens].entries())
        yield { id: `${part}/${file}#${at}`, token, keys, valid: true }
    }
  }
}

interface WycheproofFile {
  readonly testGroups: readonly {
    readonly private?: Jwk
    readonly public?: Jwk
    readonly tests: readonly {
      readonly tcId: number
      readonly jws: string
      readonly result: string
    }[]
  }[]
}

/** Wycheproof's JSON web signatures and keys, which lie in the corpus of that name. */
function* wycheproof(root: string): Generator<Row> {
  for (const file of ['json_web_signature_test.json', 'json_web_key_test.json']) {
    const path = join(root, 'wycheproof', file)
    if (!existsSync(path)) continue
    for (const group of (read(path) as WycheproofFile).testGroups) {
      const given = group.public ?? group.private ?? {}
      const listed = (Array.isArray(given['keys']) ? given['keys'] : [given]) as readonly Jwk[]
      for (const { tcId, jws, result } of group.tests)
        yield {
          id: `wycheproof/${file}#${tcId}`,
          token: jws,
          keys: group.public === undefined ? listed : listed.map(publicHalf),
          valid: result === 'valid',
        }
    }
  }
}

/** By rule, not by row: another algorithm, no payload at all, a member that must be understood. */
function isExcepted({ token, valid }: Row): boolean {
  if (!valid) return false
  const [head = '', payload] = token.split('.')
  const text = Buffer.from(head, 'base64url').toString('utf8')
  const { alg, crit } = (head === '' ? {} : JSON.parse(text)) as { alg?: string; crit?: unknown }
  return alg === undefined || !TAKEN.has(alg) || payload === '' || crit !== undefined
}

/** One character of each part is another: no signature holds over it. */
function* mutations({ id, token }: Row): Generator<readonly [string, string]> {
  const parts = token.split('.')
  for (const [at, part] of parts.entries()) {
    const middle = Math.floor(part.length / 2)
    const other = part.charAt(middle) === 'A' ? 'B' : 'A'
    const changed = `${part.slice(0, middle)}${other}${part.slice(middle + 1)}`
    yield [`${id} part ${at}`, parts.with(at, changed).join('.')]
  }
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  yield [`${id} alg none`, `${none}.${parts[1] ?? ''}.${parts[2] ?? ''}`]
  yield [`${id} no signature`, `${none}.${parts[1] ?? ''}.`]
}

/** A private key among those that an issuer publishes: the set is worth nothing. */
async function* keyRows(folder: string): AsyncGenerator<readonly [string, string, string]> {
  if (!existsSync(join(folder, 'jwk'))) return
  for (const file of readdirSync(join(folder, 'jwk')).sort()) {
    const key = read(join(folder, 'jwk', file)) as Jwk
    const secret = SECRET.some((name) => Object.hasOwn(key, name))
    let got = 'accepted'
    try {
      readKeySet(Buffer.from(JSON.stringify({ keys: [key] })))
    } catch (error) {
      got = error instanceof TypeError ? 'refused' : `crash: ${String(error)}`
    }
    yield [`jwk/${file}`, secret ? 'refused' : 'accepted', got]
  }
  await Promise.resolve()
}

export const corpus = {
  name: 'sigv4-jose/jose',
  async run(root: string, report: (line: string) => void): Promise<CorpusResult> {
    const folder = join(root, 'sigv4-jose/jose')
    const wrong: WrongRow[] = []
    let right = 0
    let notApplicable = 0
    const judge = (id: string, expected: string, got: string): void => {
      if (expected === got) right += 1
      else wrong.push({ id, expected, got })
    }
    for (const row of [...cookbook(folder), ...wycheproof(root)]) {
      const got = await answerOf(row.token, row.keys)
      if (isExcepted(row)) {
        notApplicable += 1
        if (got !== 'refused') wrong.push({ id: row.id, expected: 'refused by rule', got })
        continue
      }
      judge(row.id, row.valid ? 'accepted' : 'refused', got)
      if (row.valid)
        for (const [id, token] of mutations(row))
          judge(id, 'refused', await answerOf(token, row.keys))
      report(row.id)
    }
    for await (const [id, expected, got] of keyRows(folder)) judge(id, expected, got)
    return { right, wrong, notApplicable }
  },
}
