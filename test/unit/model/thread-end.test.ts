import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

import { expect, test } from 'vitest'

import { endThread, endsBy } from '../../../services/model/index.ts'

const start = async (code: string): Promise<Worker> => {
  const worker = new Worker(code, { eval: true })
  await once(worker, 'message')
  return worker
}

test('a thread that is asked to end has ended by itself', async () => {
  const worker = await start(
    `const { parentPort } = require('node:worker_threads')
     parentPort.on('message', () => parentPort.close())
     parentPort.postMessage('ready')`,
  )
  const codes: number[] = []
  worker.on('exit', (code) => codes.push(code))

  await endThread(worker)

  expect(codes).toEqual([0])
  await endThread(worker)
})

test('one that is at something without an end is stopped', async () => {
  const worker = await start(
    `require('node:worker_threads').parentPort.postMessage('ready')
     for (;;) {}`,
  )
  const codes: number[] = []
  worker.on('exit', (code) => codes.push(code))

  await endThread(worker)

  expect(codes).toEqual([1])
}, 20_000)

test('only what asks for the end ends a thread, and not before it is quiet', async () => {
  const closed: string[] = []
  const port = { close: () => void closed.push('closed') }

  expect(endsBy({ id: 1, name: 'end' }, port)).toBe(false)
  expect(endsBy('end', port)).toBe(true)
  expect(closed).toEqual([])
  await expect.poll(() => closed).toEqual(['closed'])
})
