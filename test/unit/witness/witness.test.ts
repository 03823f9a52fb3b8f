import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

import { expect, it } from 'vitest'

import { createKeyFile, loadMasterKey } from '../../../services/keys/index.ts'
import {
  EMPTY_FRONTIER,
  appendLeaf,
  consistencyProof,
  cosignedAt,
  formatAddCheckpoint,
  formatCheckpoint,
  formatNote,
  leafHash,
  noteKey,
  parseNote,
  rootOf,
} from '../../../services/ledger/index.ts'
import { systemRandom } from '../../../services/model/index.ts'
import { Witness, type WitnessMemory } from '../../../services/witness/index.ts'
import { FakeClock, MASTER_KEY, tempDir } from '../../support/state.ts'

const ORIGIN = 'log.example/one'
const pair = generateKeyPairSync('ed25519')
const logKey = noteKey(ORIGIN, pair.publicKey.export({ format: 'pem', type: 'spki' }).toString())

/** A log of so many leaves; another `fork` is another history from leaf 3 on. */
function logOf(
  size: number,
  fork = '',
): { root: string; proof: (old: number) => Promise<string[]> } {
  const nodes = new Map<string, string>()
  let frontier = EMPTY_FRONTIER
  for (let at = 0; at < size; at += 1) {
    const appended = appendLeaf(frontier, leafHash(`${at}${at < 3 ? '' : fork}`))
    frontier = appended.frontier
    for (const { level, index, hash } of appended.nodes) nodes.set(`${level}/${index}`, hash)
  }
  const read = (level: number, index: number): string => nodes.get(`${level}/${index}`) ?? ''
  return { root: rootOf(frontier), proof: (old) => consistencyProof(read, old, size) }
}

function signed(
  size: number,
  root: string,
  origin = ORIGIN,
  key: KeyObject = pair.privateKey,
): string {
  const text = formatCheckpoint({ origin, size, root })
  const bytes = sign(null, Buffer.from(text), key)
  return formatNote(text, [{ name: logKey.name, id: logKey.id, bytes }])
}

async function request(oldSize: number, size: number, fork = ''): Promise<string> {
  const log = logOf(size, fork)
  const proof = oldSize <= size ? await log.proof(oldSize) : []
  return formatAddCheckpoint({ oldSize, proof, note: signed(size, log.root) })
}

function memory(): WitnessMemory & { note: string | undefined; writes: number; full: boolean } {
  return {
    note: undefined,
    writes: 0,
    full: false,
    read() {
      return this.note
    },
    async write(note) {
      await Promise.resolve()
      if (this.full) throw new Error('disk full')
      this.writes += 1
      this.note = note
    },
  }
}

function open(kept = memory()) {
  using dir = tempDir()
  const masterKey = loadMasterKey({ dataDir: dir.path, random: systemRandom, value: MASTER_KEY })
  const path = `${dir.path}/witness.key`
  const signer = createKeyFile({ path, purpose: 'witness', algorithm: 'ed25519', masterKey })
  const clock = new FakeClock(1_800_000_000_500)
  const witness = new Witness({
    name: 'w.example/1',
    signer,
    clock,
    logs: [logKey],
    memory: () => kept,
  })
  return { witness, kept }
}

it('cosigns what it has not seen, and what extends it, with the time', async () => {
  const { witness, kept } = open()
  const first = await witness.addCheckpoint(await request(0, 5))
  const second = await witness.addCheckpoint(await request(5, 9))
  const again = await witness.addCheckpoint(await request(9, 9))

  expect([first, second, again].map(({ status }) => status)).toEqual([200, 200, 200])
  expect(kept.note).toBe(signed(9, logOf(9).root))
  const cosigned = parseNote(signed(9, logOf(9).root) + second.body)
  expect(cosignedAt(cosigned, witness.key)).toBe(1_800_000_000)
  expect(cosignedAt(parseNote(signed(5, logOf(5).root) + second.body), witness.key)).toBeUndefined()
  const other = noteKey(
    'w.example/2',
    pair.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    'cosignature',
  )
  expect(cosignedAt(cosigned, other)).toBeUndefined()
})

it.each([
  ['an old size that is not the last', () => request(0, 9), 409, '5\n', 'text/x.tlog.size'],
  ['an old size it has not seen', () => request(6, 9), 409, '5\n', 'text/x.tlog.size'],
  ['a smaller tree', () => request(5, 4), 400, undefined, 'text/plain; charset=utf-8'],
  ['a smaller tree from its own size', () => request(3, 4), 409, '5\n', 'text/x.tlog.size'],
  ['another tree of the same size', () => request(5, 5, 'x'), 409, '5\n', 'text/x.tlog.size'],
  ['a fork', () => request(5, 9, 'x'), 422, undefined, undefined],
  ['no body', () => Promise.resolve(''), 400, undefined, undefined],
  ['no proof', () => Promise.resolve(formatAddCheckpoint({ oldSize: 5, proof: [], note: signed(9, logOf(9).root) })), 422, undefined, undefined],
  ['a leading zero', async () => (await request(5, 9)).replace('old 5', 'old 05'), 400, undefined, undefined],
  ['a proof line that is none', async () => (await request(5, 9)).replace('old 5\n', 'old 5\nAAAA\n'), 400, undefined, undefined],
  ['64 proof lines', async () => (await request(5, 9)).replace('old 5\n', `old 5\n${`${'A'.repeat(43)}=\n`.repeat(64)}`), 400, undefined, undefined],
  ['a signature of another key', () => Promise.resolve(formatAddCheckpoint({ oldSize: 5, proof: [], note: signed(5, logOf(5).root, ORIGIN, generateKeyPairSync('ed25519').privateKey) })), 403, undefined, undefined],
  ['a log it does not know', () => Promise.resolve(formatAddCheckpoint({ oldSize: 5, proof: [], note: signed(5, logOf(5).root, 'log.example/two') })), 404, undefined, undefined],
] as const)('answers %s as C2SP says', async (...[, body, status, text, type]) => {
  const { witness, kept } = open()
  await witness.addCheckpoint(await request(0, 5))
  const answer = await witness.addCheckpoint(await body())

  expect(answer.status).toBe(status)
  if (text !== undefined) expect(answer.body).toBe(text)
  if (type !== undefined) expect(answer.contentType).toBe(type)
  expect(answer.body).not.toContain('—')
  expect(kept.writes).toBe(1)
}) // prettier-ignore

it('wants no proof for a first checkpoint, and an empty tree to be empty', async () => {
  const withProof = open()
  const wrong = (await request(0, 5)).replace('old 0\n', `old 0\n${'A'.repeat(43)}=\n`)
  const empty = (root: string): string =>
    formatAddCheckpoint({ oldSize: 0, proof: [], note: signed(0, root) })

  expect((await withProof.witness.addCheckpoint(wrong)).status).toBe(422)
  expect((await open().witness.addCheckpoint(empty(logOf(0).root))).status).toBe(200)
  expect((await withProof.witness.addCheckpoint(empty('00'.repeat(32)))).status).toBe(409)
})

it('signs one of two that come at once from the same size', async () => {
  const { witness } = open()
  await witness.addCheckpoint(await request(0, 5))
  const bodies = [await request(5, 9), await request(5, 9, 'x'), await request(5, 8)]
  const answers = await Promise.all(bodies.map((body) => witness.addCheckpoint(body)))

  expect(answers.map(({ status }) => status)).toEqual([200, 409, 409])
})

it('signs nothing that it could not remember, and nothing over a memory it cannot read', async () => {
  const { witness, kept } = open()
  kept.full = true
  await expect(witness.addCheckpoint(await request(0, 5))).rejects.toThrow('disk full')
  kept.full = false
  kept.note = 'x'
  await expect(witness.addCheckpoint(await request(0, 5))).rejects.toThrow('cannot be read')
  kept.note = undefined

  expect((await witness.addCheckpoint(await request(0, 5))).status).toBe(200)
})
