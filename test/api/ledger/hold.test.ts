import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { systemClock, systemRandom } from '../../../services/model/index.ts'
import { beginNewLedger } from '../../../services/offline-ledger.ts'
import { readHold } from '../../../services/operations/index.ts'
import { startTestApp } from '../../support/app.ts'
import { createActive, invoke, refusalOf } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { MemoryLog, tempDir } from '../../support/state.ts'

interface Hold {
  readonly held: boolean
  readonly revocationsDigest: string
  readonly judged: number
  readonly refused: readonly unknown[]
}

const FunctionName = 'held'

it('invokes nothing after a new beginning, until what is live is judged and revocations are confirmed', async () => {
  using dir = tempDir()
  using copy = tempDir()
  const data = dir.path
  {
    await using app = await startTestApp({ data })
    await createActive(app.client, FunctionName)
    expect((await invoke(app.client, FunctionName)).functionError).toBeUndefined()
  }
  cpSync(join(data, 'lacre.db'), join(copy.path, 'lacre.db'))
  {
    await using app = await startTestApp({ data })
    const body = { reason: 'later than the copy' }
    await governance(app.admin, { method: 'PUT', path: '/freezes/held', body })
  }
  for (const suffix of ['', '-wal', '-shm'])
    rmSync(join(data, `lacre.db${suffix}`), { force: true })
  cpSync(join(copy.path, 'lacre.db'), join(data, 'lacre.db'))
  await expect(startTestApp({ data })).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })

  const config = {
    dataDir: data,
    masterKey: undefined,
    checkpointDir: undefined,
    reason: 'restored',
  }
  const around = { clock: systemClock, random: systemRandom, log: new MemoryLog() }
  const begun = await beginNewLedger(config, around)
  await using app = await startTestApp({ data })
  const refused = await refusalOf(invoke(app.client, FunctionName))
  const release = async (revocations: string) =>
    await governance<Hold>(app.admin, {
      method: 'POST',
      path: '/ledger/hold/release',
      body: { revocations },
    })
  const twoAtOnce = await Promise.all([readHold(app.deps), readHold(app.deps)])
  const { body: hold } = await governance<Hold>(app.admin, { path: '/ledger/hold' })
  const wrong = await release('0'.repeat(64))
  const still = await refusalOf(invoke(app.client, FunctionName))
  const right = await release(hold.revocationsDigest)
  const twice = await release(hold.revocationsDigest)

  expect(begun.epoch).toBe(2)
  expect(twoAtOnce[0].revocations).toBe(twoAtOnce[1].revocations)
  expect(refused.status).toBe(403)
  expect(hold).toMatchObject({ held: true, judged: 1, refused: [] })
  expect([wrong.status, still.status, right.status, twice.status]).toEqual([409, 403, 200, 409])
  expect((await invoke(app.client, FunctionName)).functionError).toBeUndefined()
}, 180_000)
