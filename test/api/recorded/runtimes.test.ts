import {
  CreateFunctionCommand,
  InvokeCommand,
  type CreateFunctionCommandInput,
  type Runtime,
} from '@aws-sdk/client-lambda'
import { describe, expect } from 'vitest'

import { recordedClass, type Run } from '../../support/recorded-scenario.ts'
import { recordedNames, recordedThere } from '../../support/recorded.ts'
import { buildZip, type ZipEntrySpec } from '../../support/zip-builder.ts'

const FunctionName = 'fn'

/** What the recorder's functions did, in the two languages that run here. */
const CODE = {
  node: {
    handler: 'index.handler',
    echo: { 'index.js': 'exports.handler = async (event) => event\n' },
    fails: {
      'index.js':
        'exports.handler = async (event) => { throw new Error(`Error: ${event.error_msg}`) }\n',
    },
    wrapped: {
      'index.js': 'exports.handler = async () => ({ environment: process.env })\n',
    },
  },
  python: {
    handler: 'handler.handler',
    echo: { 'handler.py': 'def handler(event, context):\n    return event\n' },
    fails: {
      'handler.py':
        'def handler(event, context):\n    raise Exception("Failed: " + event["error_msg"])\n',
    },
    wrapped: {
      'handler.py':
        'import os\ndef handler(event, context):\n    return {"environment": dict(os.environ)}\n',
    },
  },
} as const

/** Lets the runtime start with one variable more, as AWS's documentation does it. */
const WRAPPER = '#!/bin/sh\nexport WRAPPER_VAR=test_value\nexec "$@"\n'

function creation(scenario: string, what: 'echo' | 'fails' | 'wrapped') {
  const Runtime = /\[(.+)\]/.exec(scenario)?.[1] as Runtime
  const code = Runtime.startsWith('nodejs') ? CODE.node : CODE.python
  const entries: ZipEntrySpec[] = Object.entries(code[what]).map(([name, content]) => ({
    name,
    content,
  }))
  if (what === 'wrapped')
    entries.push({ name: 'environment_wrapper', content: WRAPPER, mode: 0o100755 })
  const input: CreateFunctionCommandInput = {
    FunctionName,
    Role: 'arn:aws:iam::000000000000:role/lambda-role',
    Runtime,
    Handler: code.handler,
    MemorySize: 1_024,
    Code: { ZipFile: buildZip({ entries }) },
  }
  return input
}

async function invoke(run: Run, payload: object) {
  return await run.stage.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(payload) }))
}

/** The stack is told for itself: AWS's is of other code. */
function withoutStack(payload: unknown): unknown {
  const shown = { ...(payload as Record<string, unknown>) }
  for (const member of ['trace', 'stackTrace']) {
    if (!(member in shown)) continue
    expect(Array.isArray(shown[member]) && shown[member].length > 0).toBe(true)
    shown[member] = 'stack'
  }
  return shown
}

describe('every runtime that is served', () => {
  const { running, rest } = recordedClass('TestLambdaRuntimesCommon')

  for (const name of recordedThere ? recordedNames('TestLambdaRuntimesCommon', 'also empty') : []) {
    if (name.startsWith('test_echo_invoke')) {
      running(name, async (run) => {
        const input = creation(name, 'echo')
        await run.stage.send(new CreateFunctionCommand(input))
        await run.settle(FunctionName)
        const event = { text: 'a "text" with √ and 𝄞', number: -1.5, list: [null, true, {}] }
        expect((await invoke(run, event)).body['Payload']).toEqual(event)
      })
    }
    if (name.startsWith('test_runtime_wrapper_invoke')) {
      running(name, async (run) => {
        const input = creation(name, 'wrapped')
        const Variables = { AWS_LAMBDA_EXEC_WRAPPER: '/var/task/environment_wrapper' }
        const create = new CreateFunctionCommand({ ...input, Environment: { Variables } })
        await run.step('create_function_result', create)
        await run.settle(FunctionName)
        const { Payload } = (await invoke(run, {})).body as {
          Payload: { environment: Record<string, string> }
        }
        expect(Payload.environment['WRAPPER_VAR']).toBe('test_value')
      })
    }
    if (name.startsWith('test_uncaught_exception_invoke')) {
      running(name, async (run) => {
        const input = creation(name, 'fails')
        await run.step('create_function_result', new CreateFunctionCommand(input))
        await run.settle(FunctionName)
        const ours = await invoke(run, { error_msg: 'some_error_msg' })
        const body = { ...ours.body, Payload: withoutStack(ours.body['Payload']) }
        run.same('error_result', { ...ours, body })
      })
    }
  }

  rest()
})
