import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { canRun, nodeFunction, RuntimeBench } from '../support/runtime.ts'
import { kill } from '../support/child.ts'

const asRoot = process.getuid?.() === 0

/** What a function says under a Node that only root can reach, as a version manager under /root installs it. */
async function saysUnderClosedNode(isolation: 'process' | 'bubblewrap' | 'crun'): Promise<string> {
  await using bench = await RuntimeBench.open()
  const closed = mkdtempSync(join(tmpdir(), 'lacre-closed-'))
  const node = join(closed, 'node/bin/node')
  mkdirSync(join(closed, 'node/bin'), { recursive: true })
  copyFileSync(process.execPath, node)
  const options = {
    dataDir: join(bench.dataDir, 'host'),
    blobDir: join(bench.dataDir, 'test-blobs'),
    isolation,
    spec: await bench.spec(nodeFunction(`console.log('ran as', process.getuid())`)),
    uidFraction: Math.random(),
  }
  const program = join(import.meta.dirname, '../support/runtime-host.mjs')
  const host = spawn(node, [program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    let said = ''
    for await (const chunk of host.stdout as AsyncIterable<Buffer>) {
      said += chunk.toString('utf8')
      if (said.includes('REPORT')) break
    }
    return said
  } finally {
    await kill(host)
    rmSync(closed, { recursive: true, force: true })
  }
}

test.skipIf(!asRoot)(
  'process: runs functions as another uid though Node lies where only root may go',
  async () => {
    expect(await saysUnderClosedNode('process')).toMatch(/ran as [1-9]\d+/)
  },
)

for (const isolation of ['bubblewrap', 'crun'] as const) {
  test.skipIf(!canRun(isolation))(
    `${isolation}: runs functions though Node lies where only root may go`,
    async () => {
      expect(await saysUnderClosedNode(isolation)).toMatch(/ran as [1-9]\d+/)
    },
  )
}
