import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { startLambdaApi, type Answered, type LambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { Comparison, recorded, recordedThere } from '../../support/recorded.ts'

const HERE = 'arn:aws:lambda:us-east-1:000000000000'
const FN = `${HERE}:function:fn`

let api: LambdaApi
beforeEach(async () => {
  api = await startLambdaApi()
})
afterEach(() => api[Symbol.asyncDispose]())

async function create(json: Record<string, unknown> = {}): Promise<Answered> {
  const base = {
    FunctionName: 'fn',
    Role: 'arn:aws:iam::000000000000:role/lambda-role',
    Runtime: 'python3.12',
    Handler: 'handler.handler',
    Timeout: 30,
    Environment: { Variables: {} },
  }
  const created = await api.call('CreateFunction', {
    json: { ...base, ...json } as never,
    zip: nodePackage('one'),
  })
  await api.settle()
  return created
}

const tag = (resource: string, tags?: Record<string, string>): Promise<Answered> =>
  api.call('TagResource', {
    path: { Resource: resource },
    json: tags === undefined ? {} : { Tags: tags },
  })
const untag = (resource: string, ...tagKeys: string[]): Promise<Answered> =>
  api.call('UntagResource', {
    path: { Resource: resource },
    query: tagKeys.length === 0 ? {} : { tagKeys },
  })
const list = (resource: string): Promise<Answered> =>
  api.call('ListTags', { path: { Resource: resource } })

async function createConfig(): Promise<string> {
  const arns = [`arn:aws:signer:us-east-1:000000000000:/signing-profiles/nobody/aaaaaaaaaa`]
  const { body } = await api.call('CreateCodeSigningConfig', {
    json: { AllowedPublishers: { SigningProfileVersionArns: arns } },
  })
  return (body['CodeSigningConfig'] as { CodeSigningConfigArn: string }).CodeSigningConfigArn
}

let sources = 0

async function createMapping(tags?: Record<string, string>): Promise<string> {
  sources += 1
  const { body } = await api.call('CreateEventSourceMapping', {
    json: {
      FunctionName: 'fn',
      EventSourceArn: `arn:aws:sqs:us-east-1:000000000000:queue-${sources}`,
      ...(tags === undefined ? {} : { Tags: tags }),
    },
  })
  return body['EventSourceMappingArn'] as string
}

/** The recorded life, step by step, each with what ListTags says after it. */
async function live(resource: string, answers: ReturnType<typeof recorded>): Promise<void> {
  const same = new Comparison()
  const steps: readonly (readonly [string, () => Promise<Answered>])[] = [
    ['tag_single', () => tag(resource, { A: 'tag-a' })],
    ['tag_multiple', () => tag(resource, { B: 'tag-b', C: 'tag-c' })],
    ['tag_overlap', () => tag(resource, { C: 'tag-c-newsuffix', D: 'tag-d' })],
    ['untag_single', () => untag(resource, 'A')],
    ['untag_multiple', () => untag(resource, 'B', 'C')],
    ['untag_nonexisting', () => untag(resource, 'F')],
    ['untag_existing_and_nonexisting', () => untag(resource, 'D', 'F')],
  ]
  for (const [step, act] of steps) {
    const answered = await act()
    const listed = await list(resource)
    expect(same.differences(answered, answers[`${step}_response`]!)).toEqual([])
    expect(same.differences(listed, answers[`${step}_response_listtags`]!)).toEqual([])
  }
}

describe.skipIf(!recordedThere)('answers as AWS recorded them', () => {
  it('the life of a function’s tags', async () => {
    await create()

    await live(FN, recorded('TestLambdaTag', 'test_tag_lifecycle[lambda_function]'))
  })

  it('the same life of a code signing config’s', async () => {
    const arn = await createConfig()

    await live(arn, recorded('TestLambdaTag', 'test_tag_lifecycle[lambda_function]'))
  })

  it('the life of an event source mapping’s tags, from its creation on', async () => {
    const created = recorded('TestLambdaTag', 'test_create_tag_on_esm_create')
    const same = new Comparison()
    await create()
    const mapping = await createMapping({ testtag: 'custom' })
    const untagged = await createMapping()

    const listed = await list(mapping)
    await live(untagged, recorded('TestLambdaTag', 'test_tag_lifecycle[event_source_mapping]'))

    expect(same.differences(listed, created['list_tags_result']!)).toEqual([])
    await api.call('DeleteEventSourceMapping', { path: { UUID: mapping.split(':').at(-1) ?? '' } })
    expect((await list(mapping)).status).toBe(404)
    const rows = await api.deps.store.reader.selectFrom('resource_tags').selectAll().execute()
    expect(rows).toEqual([])
  })

  it('a function that is gone', async () => {
    const answers = recorded('TestLambdaTag', 'test_tag_nonexisting_resource')
    const same = new Comparison()
    await create()
    const before = await api.call('GetFunction', { path: { FunctionName: 'fn' } })
    await api.call('DeleteFunction', { path: { FunctionName: 'fn' } })

    const tagged = await tag(FN, { A: 'B' })
    const untagged = await untag(FN, 'A')
    const listed = await list(FN)

    expect(same.differences(before, answers['pre_delete_get_function']!)).toEqual([])
    expect(same.differences(tagged, answers['not_found_exception_tag']!)).toEqual([])
    expect(same.differences(untagged, answers['not_found_exception_untag']!)).toEqual([])
    expect(same.differences(listed, answers['not_found_exception_list']!)).toEqual([])
  })

  it('what is refused', async () => {
    const answers = recorded('TestLambdaTags', 'test_tag_exceptions')
    const same = new Comparison()
    await create()

    const steps: Record<string, Answered> = {
      tag_lambda_invalidarn: await tag('arn:aws:something', { key: 'value' }),
      tag_lambda_doesnotexist: await tag(`${HERE}:function:doesnotexist`, { key: 'value' }),
      tag_empty_tags: await tag(FN, {}),
      tag_lambda_qualifier_doesnotexist: await tag(`${FN}:v1`, { key: 'value' }),
      untag_empty_keys: await untag(FN),
      list_tag_lambda_empty: await list(FN),
      untag_nomatch: await untag(FN, 'doesnotmatch'),
    }

    for (const [step, answered] of Object.entries(steps))
      expect(same.differences(answered, answers[step]!), step).toEqual([])
    expect(Object.keys(steps).toSorted()).toEqual(Object.keys(answers).toSorted())
  })

  it('versions and $LATEST', async () => {
    const answers = recorded('TestLambdaTags', 'test_tag_versions')
    const same = new Comparison()
    await create({ Publish: true })

    const version = await tag(`${FN}:1`, { key: 'value' })
    const latest = await tag(`${FN}:$LATEST`, { key: 'value' })

    expect(same.differences(version, answers['tag_resource_exception']!)).toEqual([])
    expect(same.differences(latest, answers['tag_resource_latest_exception']!)).toEqual([])
  })
})

const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`tag-${n}`, 'x']))

it('holds 50 tags, at creation and after, of every kind of resource', async () => {
  const sentence = 'Number of tags exceeds resource tag limit.'
  const refused = await create({ Tags: many(51) })
  await create({ Tags: many(50) })
  const config = await createConfig()

  const answers = [refused]
  for (const resource of [FN, config]) {
    answers.push(await tag(resource, many(51)))
    expect((await tag(resource, many(50))).status).toBe(204)
    answers.push(await tag(resource, { more: 'x' }))
  }

  for (const { status, headers, body } of answers)
    expect([status, headers['x-amzn-ErrorType'], body['message']]).toEqual([
      400,
      'InvalidParameterValueException',
      sentence,
    ])
})

it('shows a function’s tags with it, and keeps no tag of a function made anew', async () => {
  await create({ Tags: { team: 'a' } })
  await tag(FN, { stage: 'b' })
  const shown = await api.call('GetFunction', { path: { FunctionName: 'fn' } })
  await api.call('DeleteFunction', { path: { FunctionName: 'fn' } })
  await create()

  const listed = await list(FN)

  expect(shown.body['Tags']).toEqual({ team: 'a', stage: 'b' })
  expect(listed.body['Tags']).toEqual({})
})

it.each([
  ['a key of 129 characters', { ['k'.repeat(129)]: 'v' }],
  ['a value of 257 characters', { k: 'v'.repeat(257) }],
  ['AWS’s own prefix', { 'aws:k': 'v' }],
  ['half a character', { k: '\ud800' }],
])('refuses %s', async (_what, tags) => {
  await create()

  const refused = await tag(FN, tags)

  expect([refused.status, refused.headers['x-amzn-ErrorType']]).toEqual([
    400,
    'InvalidParameterValueException',
  ])
})

it.each([
  [
    'event-source-mapping:14e0db71-5d35-4eb5-b481-8945cf9d10c2',
    404,
    'Event source mapping not found: ',
  ],
  ['capacity-provider:none', 404, 'Capacity provider not found: '],
  ['layer:layer', 400, 'Tags on layers are not supported.'],
  ['code-signing-config:csc-0123456789abcdef0', 404, 'The Lambda code signing configuration '],
])('answers for %s that it is not there, or takes none', async (name, status, sentence) => {
  const refused = await tag(`${HERE}:${name}`, { a: 'b' })

  expect(refused.status).toBe(status)
  expect(refused.body['message'] ?? refused.body['Message']).toContain(sentence)
})

it('writes a change of tags into the ledger', async () => {
  await create()

  await tag(FN, { A: 'a' })
  const entries = await api.deps.store.reader.selectFrom('ledger_entry').select('body').execute()

  expect(entries.at(-1)?.body).toContain('lambda:TagResource')
})
