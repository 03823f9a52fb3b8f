import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { sha256 } from '../../services/model/index.ts'
import { lacre, lacreJson } from '../support/command.ts'
import { createActive, invoke } from '../support/functions.ts'
import { governance } from '../support/governance.ts'
import { nodePackage } from '../support/packages.ts'
import { startService } from '../support/service.ts'
import { tempDir } from '../support/state.ts'

it('backs a running service up, restores it after kill -9, and finds what rots', async () => {
  using dir = tempDir()
  const at = (name: string): string => join(dir.path, name)
  writeFileSync(at('key'), Buffer.alloc(32, 5))
  const key = ['--master-key-file', at('key')]
  const zip = nodePackage('kept')
  await using service = await startService({ data: at('old'), args: key })
  const client = service.client()
  await createActive(client, 'kept', { Code: { ZipFile: zip } })
  client.destroy()

  const { digest } = lacreJson<{ digest: string }>(['backup', '--data', at('old'), '--out', at('b')])
  const { body } = await governance<{ note: string }>(service.admin, { path: '/ledger/checkpoint' })
  writeFileSync(at('note'), body.note)
  await service.kill9()
  const from = (backup: string, data: string): string[] => [
    'restore', '--from', at(backup), '--data', at(data), '--checkpoint', at('note'), ...key,
  ] // prettier-ignore
  expect(lacreJson<{ digest: string }>(from('b', 'new')).digest).toBe(digest)
  lacreJson(['backup', '--data', at('old'), '--out', at('dead.tar')])
  lacreJson(from('dead.tar', 'newer'))
  const taken = lacre(from('b', 'new'))
  const bare = lacre(['restore', '--from', at('b'), '--data', at('x'), ...key])
  const keyless = lacre(['restore', '--from', at('b'), '--data', at('x'), '--checkpoint', at('note')])
  const epoch = lacre([...from('b', 'anew'), '--new-epoch', '--json'])

  expect([taken.status, bare.status, keyless.status, epoch.status]).toEqual([3, 2, 2, 0])
  // It extends the checkpoint: nothing is begun anew that need not be.
  expect(JSON.parse(epoch.stdout)).toMatchObject({ ledger: { extendsCheckpoint: true } })
  expect(bare.stderr).toMatch(/--checkpoint/)
  expect(keyless.stderr).toMatch(/--master-key-file/)
  expect(existsSync(at('x'))).toBe(false)

  await using restored = await startService({ data: at('new'), args: key })
  const again = restored.client()
  expect((await invoke(again, 'kept')).payload).toMatchObject({ release: 'kept' })
  again.destroy()
  const sound = lacre(['doctor', '--scrub', '--data', at('new'), '--json'])
  expect([sound.status, JSON.parse(sound.stdout)]).toEqual([0, expect.objectContaining({ ok: true })])
  expect(lacreJson(['gc', '--data', at('new')])).toMatchObject({ blobs: [] })
  await restored.stop()

  const blob = join(at('new'), 'blobs', sha256(zip).slice(0, 2), sha256(zip))
  const bytes = readFileSync(blob)
  bytes[9] = (bytes[9] ?? 0) ^ 4
  writeFileSync(blob, bytes)
  const damaged = lacre(['doctor', '--scrub', '--data', at('new'), '--json'])
  expect([damaged.status, JSON.parse(damaged.stdout)]).toEqual([6, expect.objectContaining({ damaged: [sha256(zip)] })])
  expect(readdirSync(join(at('new'), 'quarantine'))).toEqual([expect.stringContaining(sha256(zip))])
  const refused = lacre(['backup', '--data', at('new'), '--out', at('c')])
  const without = lacre(['backup', '--data', at('new'), '--out', at('c'), '--without-damaged'])
  expect([refused.status, without.status]).toEqual([1, 6])
}, 300_000) // prettier-ignore
