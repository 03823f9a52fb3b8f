import { cpSync } from 'node:fs'

import { expect, it } from 'vitest'

import { cosignedAt, parseCheckpoint, parseVerifierKey } from '../../../services/ledger/index.ts'
import { systemClock, systemRandom } from '../../../services/model/index.ts'
import { startWitness, witnessKey } from '../../../services/serve-witness.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { governance } from '../../support/governance.ts'
import { appendEntries } from '../../support/ledger.ts'
import { MemoryLog, tempDir } from '../../support/state.ts'

interface Answer {
  readonly size: number
  readonly note: string
  readonly verifierKey: string
  readonly witnesses: readonly { readonly cosignedSize: number; readonly fault: string | null }[]
}

const around = { clock: systemClock, random: systemRandom, log: new MemoryLog() }
const latest = async (app: TestApp): Promise<Answer> =>
  (await governance<Answer>(app.admin, { path: '/ledger/checkpoint' })).body

it('has checkpoints cosigned, and is told by a witness that it was rolled back', async () => {
  using dir = tempDir()
  using before = tempDir()
  using watch = tempDir()
  const identity = { dataDir: watch.path, masterKey: undefined, name: 'w.example/1' }
  const key = await witnessKey(identity, around)
  const data = dir.path
  let logKey = ''
  {
    await using app = await startTestApp({ data })
    logKey = app.deps.audit.verifierKey
  }
  cpSync(data, before.path, { recursive: true })
  const place = { host: '127.0.0.1', port: 0, tls: undefined, logLevel: 'error' as const }
  await using witness = await startWitness(
    { ...identity, ...place, logs: [parseVerifierKey(logKey)] },
    around,
  )
  const options = { witness: [`${key}=${witness.url}`], allowSource: ['127.0.0.1'] }
  {
    await using app = await startTestApp({ data, ...options })
    await appendEntries(app.deps, 4)
    const { size } = await latest(app)
    await eventually(async () => (await latest(app)).witnesses[0]?.cosignedSize).toBe(size)
    const { note, witnesses } = await latest(app)

    expect(
      cosignedAt(parseCheckpoint(note).note, parseVerifierKey(key, 'cosignature')),
    ).toBeDefined()
    expect(witnesses).toMatchObject([{ name: 'w.example/1', cosignedSize: size, fault: null }])
  }
  // The whole directory, checkpoints and all, as it was before.
  await using back = await startTestApp({ data: before.path, ...options })
  const fault = async (): Promise<unknown> => (await latest(back)).witnesses[0]?.fault

  await eventually(fault).toMatch(/cut off or rolled back/)
}, 180_000)
