import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { governance } from '../support/governance.ts'
import type { Service } from '../support/service.ts'

export interface Checkpoint {
  readonly note: string
  readonly verifierKey: string
}

/** A checkpoint of what is committed, as an auditor fetches it. */
export async function latestCheckpoint(service: Service): Promise<Checkpoint> {
  const { status, body } = await governance<Checkpoint>(service.admin, {
    path: '/ledger/checkpoint',
  })
  if (status !== 200) throw new Error(`GET /api/v1/ledger/checkpoint answered ${status}`)
  return body
}

/** What an auditor keeps elsewhere: the log's key of the first day and the newest checkpoint. A cut tail shows against it. */
export class OutsideEvidence implements Disposable {
  readonly logKey: string
  readonly checkpointFile: string

  constructor(first: Checkpoint) {
    this.logKey = first.verifierKey
    this.checkpointFile = join(mkdtempSync(join(tmpdir(), 'lacre-outside-')), 'checkpoint')
    this.keep(first)
  }

  keep(checkpoint: Checkpoint): void {
    writeFileSync(this.checkpointFile, checkpoint.note)
  }

  [Symbol.dispose](): void {
    rmSync(dirname(this.checkpointFile), { recursive: true, force: true })
  }
}
