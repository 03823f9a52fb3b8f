import {
  GetFunctionConfigurationCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
} from '@aws-sdk/client-lambda'
import { expect, test } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { createActive } from '../support/functions.ts'
import { zipOf } from '../support/packages.ts'
import { startService } from '../support/service.ts'

const SLOW = zipOf({
  'index.js': `exports.handler = () => new Promise((resolve) => setTimeout(resolve, 1500, 'done'))`,
})

test('provisioned concurrency is started beforehand, and what runs on it and beyond it is counted', async () => {
  await using service = await startService({ args: ['--isolation', 'process', '--open-metrics'] })
  const client = service.client()
  const on = { FunctionName: 'slow', Qualifier: '1' }
  await createActive(client, 'slow', { Code: { ZipFile: SLOW } })
  await client.send(new PublishVersionCommand({ FunctionName: 'slow' }))
  const metrics = async (): Promise<string> => await (await fetch(`${service.url}/metrics`)).text()

  await eventually(
    async () => (await client.send(new GetFunctionConfigurationCommand(on))).State,
  ).toBe('Active')
  await client.send(
    new PutProvisionedConcurrencyConfigCommand({ ...on, ProvisionedConcurrentExecutions: 1 }),
  )
  await eventually(
    async () => (await client.send(new GetProvisionedConcurrencyConfigCommand(on))).Status,
  ).toBe('READY')
  const invoke = async (): Promise<string> => {
    const { Payload } = await client.send(new InvokeCommand(on))
    return Buffer.from(Payload ?? []).toString()
  }
  const answers = [invoke(), invoke()]
  await eventually(metrics).toContain('lacre_concurrent_executions{function="slow"} 2')
  const meanwhile = await metrics()

  expect(await Promise.all(answers)).toEqual(['"done"', '"done"'])
  expect(meanwhile).toContain('lacre_provisioned_concurrent_executions{function="slow"} 1')
  expect(meanwhile).toContain('lacre_provisioned_concurrency_utilization{function="slow"} 1')
  const after = await metrics()
  expect(after).toContain('lacre_provisioned_concurrency_invocations_total{function="slow"} 1')
  expect(after).toMatch(/lacre_provisioned_concurrency_spillover_\w+_total\{function="slow"\} 1/)
  expect(after).toContain('lacre_provisioned_concurrency_utilization{function="slow"} 0')
})
