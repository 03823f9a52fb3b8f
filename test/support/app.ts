import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { LambdaClient } from '@aws-sdk/client-lambda'

import { startApp, type App } from '../../services/app.ts'
import { readConfig, type ServeOptions } from '../../services/config.ts'
import { systemClock, systemRandom } from '../../services/model/index.ts'
import type { Log } from '../../services/operations/index.ts'
import { lambdaClient, readAdminFile, type AdminFile } from './client.ts'

export type { AdminFile } from './client.ts'

export interface TestApp extends AsyncDisposable {
  readonly url: string
  /** Where function URLs answer. */
  readonly functionUrls: string
  readonly dataDir: string
  readonly admin: AdminFile
  readonly deps: App['deps']
  /** The unmodified SDK, as the admin, without retries: a test sees every answer. */
  readonly client: LambdaClient
  /** What was logged as a warning or an error. */
  readonly complaints: readonly string[]
}

/** What violates stays where it is, unless a test is about that: nobody waits for a freeze that comes by itself. */
export const TEST_OPTIONS = {
  listen: '127.0.0.1:0',
  isolation: 'process',
  reactionsMaxAliases: '0',
} as const satisfies Partial<ServeOptions>

/**
 * The whole service inside the test's process, on a directory of its own and a free port. Start one per file:
 * `const app = await startTestApp()` … `afterAll(() => app[Symbol.asyncDispose]())`.
 */
export async function startTestApp(options: Partial<ServeOptions> = {}): Promise<TestApp> {
  const kept = options.data
  const dataDir = kept ?? mkdtempSync(join(tmpdir(), 'lacre-test-'))
  const complaints: string[] = []
  try {
    const config = readConfig({ ...TEST_OPTIONS, ...options, data: dataDir }, {})
    const log = quietLog(complaints)
    const app = await startApp(config, { clock: systemClock, random: systemRandom, log })
    const admin = readAdminFile(dataDir)
    const client = lambdaClient(admin)
    return {
      url: app.url,
      functionUrls: app.functionUrls ?? '',
      dataDir,
      admin,
      deps: app.deps,
      client,
      complaints,
      [Symbol.asyncDispose]: async () => {
        client.destroy()
        await app[Symbol.asyncDispose]()
        if (kept === undefined) rmSync(dataDir, { recursive: true, force: true })
      },
    }
  } catch (error) {
    if (kept === undefined) rmSync(dataDir, { recursive: true, force: true })
    throw error
  }
}

/** Keeps complaints for whoever looks into a failing test; says nothing. */
function quietLog(complaints: string[]): Log {
  const keep = (fields: object, message: string): void => {
    complaints.push(`${message} ${JSON.stringify(fields)}`)
  }
  return { debug: () => {}, info: () => {}, warn: keep, error: keep }
}
