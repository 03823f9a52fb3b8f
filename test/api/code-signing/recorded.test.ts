import { afterAll, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { lambdaWire, type WireCall, type WireReply } from '../../support/lambda-wire.ts'
import { recorded, recordedThere } from '../../support/recorded.ts'
import { stored } from '../../support/stored.ts'

const answers = recordedThere
  ? recorded('TestCodeSigningConfig', 'test_code_signing_not_found_excs')
  : undefined

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

const CONFIGS = '/2020-04-22/code-signing-configs'
const call = async (wire: WireCall): Promise<WireReply> => await lambdaWire(app.admin, wire)
const creation: WireCall = {
  method: 'POST',
  path: `${CONFIGS}/`,
  body: {
    Description: 'Testing CodeSigning Config',
    AllowedPublishers: {
      SigningProfileVersionArns: ['arn:aws:signer:us-east-1:000000000000:/signing-profiles/test'],
    },
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
  },
}
const created = await call(creation)
const config = created.body?.['CodeSigningConfig'] as Record<string, string>
const arn = config['CodeSigningConfigArn'] ?? ''
// The last digit changed: a config that never was.
const unknown = `${arn.slice(0, -1)}${arn.endsWith('0') ? '1' : '0'}`
await createActive(app.client, 'csc-test')
const of = (one: string): string => `${CONFIGS}/${encodeURIComponent(one)}`
const attached = (name: string): string => `/2020-06-30/functions/${name}/code-signing-config`
const put = (name: string, one: string): WireCall => ({
  method: 'PUT',
  path: attached(name),
  body: { CodeSigningConfigArn: one },
})

const steps: readonly (readonly [step: string, wire: WireCall])[] = [
  ['update_csc_noupdate_response', { method: 'PUT', path: of(arn), body: {} }],
  ['delete_csc_notfound', { method: 'DELETE', path: of(unknown) }],
  ['get_csc_invalid', { method: 'GET', path: of(unknown) }],
  ['update_csc_invalid_csc_arn', { method: 'PUT', path: of(unknown), body: { Description: 'x' } }],
  ['update_csc_noupdates', { method: 'PUT', path: of(unknown), body: {} }],
  ['list_functions_by_csc_invalid_cscarn', { method: 'GET', path: `${of(unknown)}/functions` }],
  ['list_functions_by_csc_fnwithoutcsc', { method: 'GET', path: `${of(arn)}/functions` }],
  ['put_function_csc_invalid_csc_arn', put('csc-test', unknown)],
  ['put_function_csc_invalid_fnname', put('csc-test-doesnotexist', arn)],
  ['put_function_csc_invalid_both', put('csc-test-doesnotexist', unknown)],
  ['get_function_csc_fnwithoutcsc', { method: 'GET', path: attached('csc-test') }],
  ['get_function_csc_nonexistingfn', { method: 'GET', path: attached('csc-test-doesnotexist') }],
  ['delete_function_csc_fnnotfound', { method: 'DELETE', path: attached('csc-test-doesnotexist') }],
  ['nothing_to_delete_response', { method: 'DELETE', path: attached('csc-test') }],
]

const whereRecorded = it.skipIf(!recordedThere)

whereRecorded('answers a new config as AWS does', () => {
  expect(asRecorded(created)).toEqual(answers?.['create_code_signing_config'])
  expect(config['LastModified']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/)
  expect(config['CodeSigningConfigId']).toMatch(/^csc-[0-9a-f]{17}$/)
})

it.skipIf(!recordedThere).each(steps)(
  'answers %s as AWS does, and stores nothing',
  async (step, wire) => {
    const before = await stored(app.deps)

    const answer = await call(wire)

    expect(asRecorded(answer)).toEqual(answers?.[step])
    expect(await stored(app.deps)).toEqual(before)
  },
)

whereRecorded('answers every recorded step', () => {
  const answered = [...steps.map(([step]) => step), 'create_code_signing_config']

  expect(answered.toSorted()).toEqual(Object.keys(answers ?? {}).toSorted())
})

/** The answer in the recorder's words: its placeholders, and what botocore adds to an error. */
function asRecorded({ status, headers, body }: WireReply): Record<string, unknown> {
  const type = headers.get('x-amzn-errortype')
  const text = JSON.stringify(body ?? {})
    .replaceAll(unknown, '<csc_arn_invalid>')
    .replaceAll(config['CodeSigningConfigId'] ?? '', '<resource:1>')
    .replaceAll('arn:aws:', 'arn:<partition>:')
    .replaceAll('us-east-1:000000000000', '<region>:111111111111')
    .replaceAll(/"LastModified":"[^"]+"/g, '"LastModified":"date"')
  const answer = JSON.parse(text) as Record<string, unknown>
  return {
    ...answer,
    ...(type === null ? {} : { Error: { Code: type, Message: answer['Message'] } }),
    ResponseMetadata: { HTTPHeaders: {}, HTTPStatusCode: status },
  }
}
