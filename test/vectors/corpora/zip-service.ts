import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import {
  CreateFunctionCommand,
  LambdaServiceException,
  UpdateFunctionCodeCommand,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda'

import { startTestApp, type TestApp } from '../../support/app.ts'
import { nodePackage } from '../../support/packages.ts'
import type { Corpus } from '../corpus.ts'
import { openRow, runZipCorpus, zipRows, type ZipOutcome } from './zip.ts'

const FUNCTION = 'zip-corpus'
/** What the strict profile and the size limits answer with. */
const REFUSALS = ['InvalidParameterValueException', 'RequestEntityTooLargeException']

/** Every archive as `lacre check` opens it and as the service does: both have to say the same. */
export const corpus: Corpus = {
  name: 'zip',
  async run(root) {
    if (!existsSync(fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))))
      throw new Error(
        'run `npm run build` first: the service examines archives in compiled workers',
      )
    await using app = await startTestApp()
    await createFunction(app)
    return await runZipCorpus(zipRows(root), async (bytes) => {
      const [alone, served] = [await openRow(bytes), await upload(app, bytes)]
      if (alone.kind === served.kind) return alone
      throw new Error(`\`lacre check\` says ${textOf(alone)}, the service ${textOf(served)}`)
    })
  },
}

const textOf = (outcome: ZipOutcome): string =>
  outcome.kind === 'refused' ? `refused (${outcome.rule})` : 'accepted'

async function createFunction({ client }: TestApp): Promise<void> {
  await client.send(
    new CreateFunctionCommand({
      FunctionName: FUNCTION,
      Runtime: 'nodejs20.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::000000000000:role/lambda',
      Code: { ZipFile: nodePackage('corpus') },
    }),
  )
  await waitUntilFunctionActiveV2({ client, maxWaitTime: 20 }, { FunctionName: FUNCTION })
}

async function upload({ client }: TestApp, bytes: Uint8Array): Promise<ZipOutcome> {
  try {
    const input = { FunctionName: FUNCTION, ZipFile: bytes, DryRun: true }
    await client.send(new UpdateFunctionCodeCommand(input))
    return { kind: 'accepted' }
  } catch (error) {
    if (error instanceof LambdaServiceException && REFUSALS.includes(error.name))
      return { kind: 'refused', rule: error.message }
    throw error
  }
}
