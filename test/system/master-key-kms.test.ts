import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { createMasterKey } from '../../cli/signing/index.ts'
import { lacreJson } from '../support/command.ts'
import { startDouble } from '../support/kms-doubles.ts'
import { startService } from '../support/service.ts'

test('serves under a master key that a KMS unwraps at each start, and not without it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-wrapped-'))
  await using double = await startDouble('vault', 'p256')
  try {
    const file = join(dir, 'master.json')
    await createMasterKey(file, double.reference, { environment: double.environment })
    const args = ['--master-key-file', file]
    const data = join(dir, 'data')
    for (const round of [1, 2]) {
      const service = await startService({ data, args, env: double.environment })
      const { service: told } = lacreJson<{ service: { masterKey: { source: string } } }>([
        'doctor',
        '--data',
        data,
      ])
      expect(told.masterKey.source, `start ${round}`).toBe('kms')
      await service.stop()
    }
    await expect(startService({ data, args, env: { VAULT_ADDR: '' } })).rejects.toThrow(/VAULT/)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
