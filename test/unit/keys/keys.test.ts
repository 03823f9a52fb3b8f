import { createPublicKey, verify } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { loadMasterKey, openKeys } from '../../../services/keys/index.ts'
import { systemClock, systemRandom } from '../../../services/model/index.ts'
import { openStore } from '../../../services/store/index.ts'
import { openState, tempDir } from '../../support/state.ts'
import { tamper } from '../../support/tamper.ts'

const random = systemRandom
const base64 = (fill: number): string => Buffer.alloc(32, fill).toString('base64')
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe('the master key', () => {
  it('is made once in the data directory where none is configured, and says so', () => {
    using dir = tempDir()

    const first = loadMasterKey({ dataDir: dir.path, random })
    const second = loadMasterKey({ dataDir: dir.path, random })

    expect(first).toMatchObject({ source: 'inside the data directory', id: second.id })
    expect(statSync(join(dir.path, 'master.key')).mode & 0o777).toBe(0o600)
    expect(text(second.decrypt('p', first.encrypt('p', Buffer.from('secret'))))).toBe('secret')
  })

  it('comes from a file of bytes or base64, or from a value', () => {
    using dir = tempDir()
    const file = join(dir.path, 'key')
    const given = loadMasterKey({ dataDir: dir.path, random, value: base64(1) })
    for (const content of [Buffer.alloc(32, 1), `${base64(1)}\n`]) {
      writeFileSync(file, content)
      const loaded = loadMasterKey({ dataDir: dir.path, random, file })
      expect(loaded).toMatchObject({ source: 'file', id: given.id })
    }
    expect(given.source).toBe('environment')
  })

  it.each(['', 'short', base64(1).slice(0, -2), `${base64(1)}x`])('is refused as `%s`', (value) => {
    using dir = tempDir()

    expect(() => loadMasterKey({ dataDir: dir.path, random, value })).toThrow(/not the base64/)
  })

  it('is not made where a file is named that is not there', () => {
    using dir = tempDir()
    const file = join(dir.path, 'none')

    expect(() => loadMasterKey({ dataDir: dir.path, random, file })).toThrow(/cannot be read/)
  })

  it('opens a box only unchanged, for its own purpose, and under the same key', () => {
    using dir = tempDir()
    const key = loadMasterKey({ dataDir: dir.path, random, value: base64(1) })
    const other = loadMasterKey({ dataDir: dir.path, random, value: base64(2) })
    const box = key.encrypt('p', Buffer.from('secret'))
    const flipped = box.slice(0, -3) + (box.at(-3) === 'A' ? 'B' : 'A') + box.slice(-2)

    expect(() => key.decrypt('q', box)).toThrow(/was changed/)
    expect(() => key.decrypt('p', flipped)).toThrow(/was changed/)
    expect(() => key.decrypt('p', 'v1.x')).toThrow(/was changed/)
    expect(() => key.decrypt('p', box.replace('v1', 'v2'))).toThrow(/was changed/)
    expect(() => other.decrypt('p', box)).toThrow(/sealed by another master key/)
  })

  it('never seals the same text into the same box', () => {
    using dir = tempDir()
    const key = loadMasterKey({ dataDir: dir.path, random, value: base64(1) })

    expect(key.encrypt('p', Buffer.from('a'))).not.toBe(key.encrypt('p', Buffer.from('a')))
  })
})

describe('keys', () => {
  it('gives each purpose one key that stays the same after a restart', async () => {
    using dir = tempDir()
    const sign = async () => {
      await using state = await openState(dir.path)
      const signer = await state.keys.signer('vsa')
      return { pem: signer.publicKeyPem, signature: signer.sign(Buffer.from('bytes')) }
    }

    const [first, second] = [await sign(), await sign()]

    expect(second.pem).toBe(first.pem)
    const key = createPublicKey(first.pem)
    expect(verify(null, Buffer.from('bytes'), key, second.signature)).toBe(true)
    await using state = await openState(dir.path)
    expect((await state.keys.signer('other')).publicKeyPem).not.toBe(first.pem)
    const [a, b] = await Promise.all([state.keys.signer('new'), state.keys.signer('new')])
    expect(a.publicKeyPem).toBe(b.publicKeyPem)
  })

  it('tells the ledger of every key it makes', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    await state.keys.signer('vsa')

    const rows = await state.store.reader.selectFrom('ledger_entry').select('body').execute()

    const resources = rows.map((row) => (JSON.parse(row.body) as { resource: string }).resource)
    expect(resources).toEqual(['key/ledger', 'key/vsa'])
  })

  it('keeps no private key and no secret in the clear', async () => {
    using dir = tempDir()
    {
      await using state = await openState(dir.path)
      await state.keys.signer('vsa')
      const sealed = state.keys.seal('access-key', Buffer.from('a very secret secret'))
      expect(sealed).not.toContain('secret')
      expect(text(state.keys.open('access-key', sealed))).toBe('a very secret secret')
      expect(() => state.keys.open('other', sealed)).toThrow(/was changed/)
    }

    expect(readFileSync(join(dir.path, 'lacre.db'), 'latin1')).not.toContain('PRIVATE KEY')
  })

  it('refuses to start under another master key', async () => {
    using dir = tempDir()
    await (await openState(dir.path))[Symbol.asyncDispose]()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const masterKey = loadMasterKey({ dataDir: dir.path, random, value: base64(9) })

    const attempt = openKeys({ store, masterKey, clock: systemClock })

    await expect(attempt).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })

  it('refuses a key whose public half was exchanged', async () => {
    using dir = tempDir()
    await (await openState(dir.path))[Symbol.asyncDispose]()
    tamper(dir.path, `update sealed_key set public_key_pem = 'other'`)

    await expect(openState(dir.path)).rejects.toThrow(/was changed in the database/)
  })

  it('takes no purpose that is none', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)

    await expect(state.keys.signer('A purpose')).rejects.toThrow(/no purpose/)
  })

  it('compares values without showing them, by purpose', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    const { keys } = state

    expect(keys.hmac('a', 'value')).toBe(keys.hmac('a', 'value'))
    expect(keys.hmac('a', 'value')).not.toBe(keys.hmac('b', 'value'))
    expect(keys.hmac('a', 'value')).toMatch(/^[0-9a-f]{64}$/)
  })
})
