import { generateKeyPairSync } from 'node:crypto'

import { expect, test } from 'vitest'

import { PATHS, formatManifest, verifyEvidence } from '../../../services/evidence/index.ts'
import { formatCheckpoint, formatVerifierKey, noteKey } from '../../../services/ledger/index.ts'
import { bufferSource, sha256 } from '../../../services/model/index.ts'
import { zipOf } from '../../support/packages.ts'

const LINES = 1_000_000
const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' })
const key = formatVerifierKey(noteKey('o', pem.toString()))
const note = `${formatCheckpoint({ origin: 'o', size: LINES, root: 'ab'.repeat(32) })}\n— o AAAAAAAA\n`

function archiveOf(line: string): Buffer {
  const files: Record<string, Buffer> = {
    [PATHS.checkpoint]: Buffer.from(note),
    [PATHS.logKey]: Buffer.from(`${key}\n`),
    [PATHS.logKeyPem]: Buffer.from(pem),
    [PATHS.checkpoints]: Buffer.alloc(0),
    [PATHS.range]: Buffer.alloc(LINES * line.length, line),
    [PATHS.rows]: Buffer.alloc(0),
  }
  const manifest = formatManifest({
    scope: {
      place: { account: '123456789012', region: 'eu-central-1' },
      functionName: 'f',
      alias: 'prod',
      fromMs: 0,
      toMs: 1,
      entries: 'window',
    },
    artifacts: false,
    origin: 'o',
    size: LINES,
    range: { first: 0, end: LINES, frontier: [], consistency: [] },
    earlier: [],
    files: new Map(Object.entries(files).map(([path, bytes]) => [path, sha256(bytes)])),
  })
  return zipOf({ ...files, [PATHS.manifest]: Buffer.from(manifest) })
}

test.each(['\n', '{}\n'])(
  'walks a range of lines that are no entries, %j, no further than it tells of them',
  async (line) => {
    const source = bufferSource(archiveOf(line))
    const { user } = process.cpuUsage()

    const { answer, findings } = await verifyEvidence(source)

    expect((process.cpuUsage().user - user) / 1_000).toBeLessThan(3_000)
    expect(answer).toBe('changed')
    expect(findings).toHaveLength(1_000)
    expect(findings.at(-1)?.message).toMatch(/of the range is not canonical, or is another one$/)
  },
)
