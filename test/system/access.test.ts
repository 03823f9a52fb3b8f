import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { ListFunctionsCommand } from '@aws-sdk/client-lambda'
import { expect, test } from 'vitest'

import { lambdaClient } from '../support/client.ts'
import { lacre, lacreJson } from '../support/command.ts'
import { startService } from '../support/service.ts'

interface Made {
  readonly accessKey: { readonly id: string }
  readonly secretAccessKey: string
}

test('people, roles and keys survive kill -9; who was switched off stays so, and the ledger covers every row', async () => {
  const data = mkdtempSync(join(tmpdir(), 'lacre-access-'))
  try {
    const at = ['--data', data]
    const keyOf = (name: string): { accessKeyId: string; secretAccessKey: string } => {
      const made = lacreJson<Made>(['access-key', 'create', '--for', name, ...at])
      return { accessKeyId: made.accessKey.id, secretAccessKey: made.secretAccessKey }
    }
    let service = await startService({ data })
    lacreJson(['user', 'create', 'ada', '--role', 'auditor', ...at])
    lacreJson(['user', 'create', 'carl', '--role', 'auditor', ...at])
    const [ada, carl] = [keyOf('ada'), keyOf('carl')]
    lacreJson(['role', 'grant', 'invoker', 'ada', ...at])
    lacreJson(['user', 'disable', 'carl', ...at])
    expect(lacre(['user', 'disable', 'admin', ...at]).status).toBe(3)
    await service.kill9()

    service = await startService({ data })
    const list = async (keys: typeof ada): Promise<string> =>
      await lambdaClient({ ...service.admin, ...keys })
        .send(new ListFunctionsCommand({}))
        .then(
          () => 'ok',
          (error: Error) => error.name,
        )

    expect(await list(ada)).toBe('ok')
    expect(await list(carl)).toBe('UnrecognizedClientException')
    expect(lacre(['user', 'list', ...at]).stdout).toMatch(/ada +on +auditor, invoker/)
    expect(service.log).not.toContain('does not load')
    await service.stop()

    const verified = lacre(['ledger', 'verify', ...at, '--json'])
    expect(JSON.parse(verified.stdout)).toMatchObject({ rowsCompared: true, findings: [] })
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
})

test('tokens want an audience of the service’s own', () => {
  const serve = (...more: string[]): string => {
    const args = [
      'serve',
      '--data',
      join(tmpdir(), 'lacre-never'),
      '--oidc-issuer',
      'https://ci.example',
    ]
    const run = lacre([...args, ...more])
    return `${run.status} ${run.stderr}`
  }

  expect(serve()).toMatch(/^2 .*--oidc-audience/s)
  expect(serve('--oidc-audience', 'sigstore')).toMatch(/^2 .*sigstore/s)
})
