import { readFileSync } from 'node:fs'

import type { Command } from 'commander'

import type { Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import {
  connect,
  paths,
  splitQualifier,
  withConnection,
  type ConnectionOptions,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

interface InvokeOptions extends ConnectionOptions {
  readonly payload?: string
  readonly tail?: boolean
  readonly event?: boolean
}

export const command: CommandModule = {
  name: 'invoke',
  summary: 'invoke a function and show its answer',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command)
      .argument('<name[:qualifier]>', 'the function, with an alias or a version')
      .option('--payload <json|@file>', 'the event; @- reads standard input')
      .option('--tail', 'show the last 4 KB of its log')
      .option('--event', 'queue it and do not wait: `lacre events` tells what becomes of it')
      .action(async (target: string, options: InvokeOptions) => {
        await invoke(target, options, { terminal, environment })
      })
  },
}

async function invoke(
  target: string,
  options: InvokeOptions,
  { terminal, environment }: { terminal: Terminal; environment: Environment },
): Promise<void> {
  const service = connect(options, environment)
  const { name, qualifier } = splitQualifier(target)
  const { status, headers, body } = await service.send({
    method: 'POST',
    path: paths.invocations(name),
    query: { Qualifier: qualifier },
    headers: {
      ...(options.tail === true ? { 'x-amz-log-type': 'Tail' } : {}),
      ...(options.event === true ? { 'x-amz-invocation-type': 'Event' } : {}),
    },
    body: readPayload(options.payload),
  })
  if (options.event === true) {
    const requestId = headers['x-amzn-requestid'] ?? ''
    terminal.result({ status, requestId }, requestId)
    return
  }
  const answer = Buffer.from(body).toString('utf8')
  const log = Buffer.from(headers['x-amz-log-result'] ?? '', 'base64').toString('utf8')
  const functionError = headers['x-amz-function-error']
  if (log !== '') terminal.say(log.trimEnd())
  if (functionError !== undefined) {
    terminal.say(`the function failed: ${functionError}`)
    terminal.exitWith(EXIT.failed)
  }
  terminal.result(
    {
      status,
      executedVersion: headers['x-amz-executed-version'],
      functionError,
      payload: parsed(answer),
      log: log === '' ? undefined : log,
    },
    answer,
  )
}

function readPayload(payload: string | undefined): Uint8Array {
  if (payload === undefined) return new Uint8Array()
  if (!payload.startsWith('@')) return Buffer.from(payload)
  return readFileSync(payload === '@-' ? 0 : payload.slice(1))
}

/** The answer as JSON where it is JSON, else as text. */
function parsed(answer: string): Json {
  try {
    return JSON.parse(answer) as Json
  } catch {
    return answer
  }
}
