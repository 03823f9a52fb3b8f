import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { verifyLedger } from '../../../services/audit/index.ts'
import { PlatformError, parseSha256 } from '../../../services/model/index.ts'
import { invoke, revoke } from '../../../services/operations/index.ts'
import { CALLER, startLambdaApi, type Answered, type LambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'

const ROLE = 'arn:aws:iam::000000000000:role/lambda-role'
const HERE = 'arn:aws:lambda:us-east-1:000000000000'
const path = { FunctionName: 'fn' }

let api: LambdaApi
beforeEach(async () => {
  api = await startLambdaApi()
})
afterEach(async () => {
  // Every governed row stands as the ledger says, after whatever a test did.
  const report = await api.deps.store.snapshot((reader) => verifyLedger(reader, { data: true }))
  expect(report.findings).toEqual([])
  await api[Symbol.asyncDispose]()
})

function create(json: Record<string, unknown> = {}, release = 'one'): Promise<Answered> {
  const base = { FunctionName: 'fn', Role: ROLE, Runtime: 'nodejs20.x', Handler: 'index.handler' }
  return api.call('CreateFunction', {
    json: { ...base, ...json } as never,
    zip: nodePackage(release),
  })
}

async function createActive(json: Record<string, unknown> = {}): Promise<void> {
  expect((await create(json)).status).toBe(201)
  await api.settle()
}

async function update(release: string, json: Record<string, unknown> = {}): Promise<Answered> {
  return await api.call('UpdateFunctionCode', {
    path,
    json: json as never,
    zip: nodePackage(release),
  })
}

/** One published version per release. */
async function publish(...releases: string[]): Promise<void> {
  for (const release of releases) {
    await update(release)
    await api.settle()
    expect((await api.call('PublishVersion', { path })).status).toBe(201)
  }
}

async function configuration(qualifier?: string): Promise<Answered['body']> {
  const query: Record<string, string> = qualifier === undefined ? {} : { Qualifier: qualifier }
  return (await api.call('GetFunctionConfiguration', { path, query })).body
}

function call(qualifier?: string): Promise<unknown> {
  const signal = new AbortController().signal
  return invoke(api.deps, CALLER, {
    functionName: 'fn',
    qualifier,
    invocationType: 'RequestResponse',
    payload: Buffer.from('{}'),
    tail: false,
    signal,
  }).then((answer) => JSON.parse(Buffer.from(answer.payload).toString()) as unknown)
}

function message(answer: Answered): unknown {
  return answer.body['message'] ?? answer.body['Message']
}

describe('functions', () => {
  it('serves the previous code until the new code is prepared', async () => {
    await createActive()
    const before = (await call()) as { release: string }
    await update('two')

    const during = await call()
    const shown = await configuration()
    await api.settle()
    const after = (await call()) as { release: string }

    expect(during).toEqual(before)
    expect(shown).toMatchObject({ State: 'Active', LastUpdateStatus: 'InProgress' })
    expect(after.release).not.toBe(before.release)
  })

  it('refuses a second update while the first is in progress', async () => {
    await createActive()
    await update('two')

    const refused = await update('three')
    const configured = await api.call('UpdateFunctionConfiguration', { path, json: { Timeout: 5 } })
    const published = await api.call('PublishVersion', { path })

    const sentence = `The operation cannot be performed at this time. An update is in progress for resource: ${HERE}:function:fn`
    for (const answer of [refused, configured, published]) {
      expect(answer.status).toBe(409)
      expect(message(answer)).toBe(sentence)
    }
  })

  it('lets one of two updates at once win and tells the other', async () => {
    await createActive()

    const answers = await Promise.all([update('two'), update('three')])

    expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([200, 409])
  })

  it('keeps serving the previous code where the new code cannot be prepared, and says why', async () => {
    await createActive()
    const before = await call()
    await update('two')
    api.runtime.failure = new PlatformError('ACTIVATION_FAILED', 'the tree is another one')

    await api.settle()

    expect(await call()).toEqual(before)
    expect(await configuration()).toMatchObject({
      State: 'Active',
      LastUpdateStatus: 'Failed',
      LastUpdateStatusReason: 'the tree is another one',
      LastUpdateStatusReasonCode: 'InvalidZipFileException',
    })
    api.runtime.failure = undefined
    expect((await update('three')).status).toBe(200)
  })

  it('shows a create that failed, and an update makes it whole', async () => {
    await create()
    api.runtime.failure = new PlatformError('ACTIVATION_FAILED', 'the tree is another one')
    await api.settle()

    const failed = await configuration()
    await expect(call()).rejects.toThrow('currently in the following state: Failed')
    api.runtime.failure = undefined
    const updated = await update('two')
    await api.settle()

    expect(failed).toMatchObject({ State: 'Failed', StateReasonCode: 'InvalidZipFileException' })
    expect(updated.body).toMatchObject({ State: 'Pending' })
    expect(await configuration()).toMatchObject({ State: 'Active', LastUpdateStatus: 'Successful' })
  })

  it('says InvalidRuntime where no interpreter serves the runtime', async () => {
    await createActive({ Runtime: 'java21' })

    expect(await configuration()).toMatchObject({
      State: 'Failed',
      StateReasonCode: 'InvalidRuntime',
    })
  })

  it('says in the ledger which interpreter stood in when a version was activated', async () => {
    await createActive({ Runtime: 'nodejs26.x' })

    const rows = await api.deps.store.reader.selectFrom('ledger_entry').select('body').execute()
    const notes = rows.map(({ body }) => JSON.parse(body) as { action: string; note?: unknown })
    expect(notes.filter(({ action }) => action === 'lacre:Activate')).toMatchObject([
      { note: { interpreter: 'Node 20 stands in for nodejs26.x' } },
    ])
    expect(await configuration()).toMatchObject({ State: 'Active' })
  })

  it.each([
    ['before it was admitted', 'Active'],
    ['after it was admitted', 'Failed'],
  ])('a revocation that was recorded %s leaves it %s', async (_when, state) => {
    const subject = { kind: 'seal', sha256: parseSha256('5e'.repeat(32)) } as const
    const revokeSeal = async (): Promise<unknown> =>
      await revoke(api.deps, CALLER, { subject, effectiveAtMs: undefined, reason: 'stolen' })
    if (state === 'Active') await revokeSeal()
    await create()
    if (state === 'Failed') await revokeSeal()

    await api.settle()

    expect(await configuration()).toMatchObject({ State: state })
    if (state === 'Failed')
      expect((await configuration()).StateReason).toMatch(/revocation rev-\S+ was recorded since/)
  })

  it('settles as InternalError when no try succeeds', async () => {
    await create()
    api.runtime.failure = new Error('the disk is on fire')

    await api.settle()

    expect(await configuration()).toMatchObject({
      State: 'Failed',
      StateReasonCode: 'InternalError',
    })
  })

  it('answers 409 to an invocation before the first code is active', async () => {
    await create()

    await expect(call()).rejects.toMatchObject({
      code: 'FUNCTION_NOT_READY',
      message:
        'The operation cannot be performed at this time. The function is currently in the following state: Pending',
    })
  })

  it('judges a dry run and stores nothing', async () => {
    await createActive()
    const before = await configuration()

    const dry = await update('two', { DryRun: true })

    expect(dry.status).toBe(200)
    expect(dry.body['CodeSha256']).not.toBe(before['CodeSha256'])
    expect(dry.headers['x-lacre-decision-id']).toMatch(/^dec-/)
    expect(await configuration()).toEqual(before)
    expect(await api.deps.store.reader.selectFrom('artifact').selectAll().execute()).toHaveLength(1)
  })

  it('refuses to create what is there, and an update under an old revision', async () => {
    await createActive()

    const again = await create()
    const stale = await update('two', { RevisionId: 'not-the-latest' })

    expect([again.status, message(again)]).toEqual([409, 'Function already exist: fn'])
    expect(stale.status).toBe(412)
  })

  it('never gives a version number twice, not even after delete and recreate', async () => {
    await createActive()
    await publish('two')
    await api.call('DeleteFunction', { path })
    await createActive()

    const published = await api.call('PublishVersion', { path })

    expect(published.body['Version']).toBe('2')
  })

  it('changes what a release is by one environment value, and shows no value', async () => {
    await createActive({ Environment: { Variables: { TOKEN: 'sesame' } } })
    const release = ((await call()) as { release: string }).release
    await api.call('UpdateFunctionConfiguration', {
      path,
      json: { Environment: { Variables: { TOKEN: 'simsim' } } },
    })
    await api.settle()

    expect(((await call()) as { release: string }).release).not.toBe(release)
    const { reader } = api.deps.store
    const entries = await reader.selectFrom('ledger_entry').select('body').execute()
    const documents = await reader.selectFrom('document').select('body').execute()
    expect(JSON.stringify([entries, documents])).not.toMatch(/sesame|simsim/)
  })

  it('ends the environments of what was deleted', async () => {
    await createActive({ Publish: true })

    await api.call('DeleteFunction', { path })

    const versions = api.runtime.retired.map((one) => one.slice(one.indexOf(' ') + 1))
    expect(versions.toSorted()).toEqual(['$LATEST', '1'])
    await expect(call()).rejects.toThrow(`Function not found: ${HERE}:function:fn:$LATEST`)
  })

  it('deletes a function with more versions than one ledger entry holds', async () => {
    await createActive()
    for (let n = 1; n <= 130; n += 1) {
      await api.call('UpdateFunctionConfiguration', { path, json: { Description: `release ${n}` } })
      await api.settle()
      await api.call('PublishVersion', { path })
    }

    const deleted = await api.call('DeleteFunction', { path })

    expect(deleted.status).toBe(204)
    expect((await api.call('GetFunction', { path })).status).toBe(404)
  }, 60_000)

  it('pages through functions and versions without losing one', async () => {
    await createActive({ Publish: true })
    await publish('two', 'three')
    await create({ FunctionName: 'fo' })
    await create({ FunctionName: 'fp' })

    expect(await pages('ListFunctions', 'Functions', { MaxItems: '1' })).toEqual([
      'fn $LATEST',
      'fo $LATEST',
      'fp $LATEST',
    ])
    expect(
      await pages('ListFunctions', 'Functions', { MaxItems: '2', FunctionVersion: 'ALL' }),
    ).toEqual(['fn $LATEST', 'fn 1', 'fn 2', 'fn 3', 'fo $LATEST', 'fp $LATEST'])
    expect(await pages('ListVersionsByFunction', 'Versions', { MaxItems: '3' })).toEqual([
      'fn $LATEST',
      'fn 1',
      'fn 2',
      'fn 3',
    ])
  })
})

async function pages(
  operation: string,
  member: string,
  query: Record<string, string>,
): Promise<string[]> {
  const found: string[] = []
  for (let marker: string | undefined, turns = 0; turns < 10; turns += 1) {
    const { body } = await api.call(operation, {
      path,
      query: marker === undefined ? query : { ...query, Marker: marker },
    })
    const items = body[member] as unknown as { FunctionName: string; Version: string }[]
    found.push(...items.map((item) => `${item.FunctionName} ${item.Version}`))
    marker = body['NextMarker'] as string | undefined
    if (marker === undefined) return found
  }
  return found
}

describe('versions', () => {
  it('answers the version that is there where nothing changed but the description asked for', async () => {
    await createActive()
    const first = await api.call('PublishVersion', { path, json: { Description: 'first' } })

    const second = await api.call('PublishVersion', { path, json: { Description: 'second' } })

    expect(first.body).toMatchObject({ Version: '1', Description: 'first' })
    expect(second).toMatchObject({ status: 201, body: first.body })
  })

  it('publishes again for a changed description of the function itself', async () => {
    await createActive()
    await api.call('PublishVersion', { path })
    await api.call('UpdateFunctionConfiguration', { path, json: { Description: 'other' } })
    await api.settle()

    expect((await api.call('PublishVersion', { path })).body['Version']).toBe('2')
  })

  it('refuses to publish other code than was named', async () => {
    await createActive()
    const { CodeSha256: current } = await configuration()

    const refused = await api.call('PublishVersion', { path, json: { CodeSha256: 'other' } })

    expect(refused.status).toBe(400)
    expect(message(refused)).toBe(
      `CodeSHA256 (other) is different from current CodeSHA256 in $LATEST (${current as string}). Please try again with the CodeSHA256 in $LATEST.`,
    )
  })

  it('answers the version there is where an update publishes unchanged code', async () => {
    await createActive()
    await publish('two')

    const again = await update('two', { Publish: true })

    expect(again.body).toMatchObject({ Version: '1', State: 'Active' })
  })

  it('keeps a version that an alias points to', async () => {
    await createActive({ Publish: true })
    await api.call('CreateAlias', { path, json: { Name: 'live', FunctionVersion: '1' } })

    const refused = await api.call('DeleteFunction', { path, query: { Qualifier: '1' } })
    const latest = await api.call('DeleteFunction', { path, query: { Qualifier: '$LATEST' } })
    await api.call('DeleteAlias', { path: { ...path, Name: 'live' } })
    const deleted = await api.call('DeleteFunction', { path, query: { Qualifier: '1' } })

    expect(refused.status).toBe(409)
    expect(message(latest)).toBe('$LATEST version cannot be deleted without deleting the function.')
    expect(deleted.status).toBe(204)
    expect((await api.call('GetFunction', { path, query: { Qualifier: '1' } })).status).toBe(404)
  })

  it('answers all who delete a version at once as if they came after each other', async () => {
    await createActive({ Publish: true })
    const one = { path, query: { Qualifier: '1' } }

    const deleted = await Promise.all([1, 2, 3].map(() => api.call('DeleteFunction', one)))

    expect(deleted.map(({ status }) => status)).toEqual([204, 204, 204])
    expect((await api.call('GetFunction', one)).status).toBe(404)
  })
})

describe('aliases', () => {
  beforeEach(async () => {
    await createActive()
    await publish('two', 'three')
  })

  const refusals: readonly (readonly [string, Record<string, unknown>, number, string])[] = [
    ['a version that is not there', { FunctionVersion: '10' }, 404, `Function not found: ${HERE}:function:fn:10`],
    ['a second version that is not there', { RoutingConfig: { AdditionalVersionWeights: { 10: 0.5 } } }, 404, `Function not found: ${HERE}:function:fn:10`],
    ['two further versions', { RoutingConfig: { AdditionalVersionWeights: { 1: 0.8, 2: 0.1 } } }, 400, 'Number of items in AdditionalVersionWeights cannot be greater than 1'],
    ['the same version twice', { RoutingConfig: { AdditionalVersionWeights: { 1: 0.5 } } }, 400, 'Invalid function version 1. Function version 1 is already included in routing configuration.'],
    ['$LATEST with a second version', { FunctionVersion: '$LATEST', RoutingConfig: { AdditionalVersionWeights: { 1: 0.5 } } }, 400, '$LATEST is not supported for an alias pointing to more than 1 version'],
    ['a weight above one', { RoutingConfig: { AdditionalVersionWeights: { 2: 2 } } }, 400, "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"],
    ['a negative weight', { RoutingConfig: { AdditionalVersionWeights: { 2: -1 } } }, 400, "1 validation error detected: Value '{2=-1.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"],
    ['a weight of $LATEST', { RoutingConfig: { AdditionalVersionWeights: { $LATEST: 0.5 } } }, 400, "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]"],
  ] // prettier-ignore

  it.each(refusals)('refuses %s', async (_what, json, status, sentence) => {
    const refused = await api.call('CreateAlias', {
      path,
      json: { Name: 'custom', FunctionVersion: '1', ...json } as never,
    })

    expect([refused.status, message(refused)]).toEqual([status, sentence])
    expect((await api.call('ListAliases', { path })).body['Aliases']).toEqual([])
  })

  it('refuses a second alias of the name, and one of a function that is not there', async () => {
    const json = { Name: 'custom', FunctionVersion: '1' }
    await api.call('CreateAlias', { path, json })

    const again = await api.call('CreateAlias', { path, json })
    const nowhere = await api.call('CreateAlias', { path: { FunctionName: 'no' }, json })
    const unread = await api.call('GetAlias', { path: { ...path, Name: 'other' } })

    expect([again.status, message(again)]).toEqual([
      409,
      `Alias already exists: ${HERE}:function:fn:custom`,
    ])
    expect([nowhere.status, message(nowhere)]).toEqual([
      404,
      `Function not found: ${HERE}:function:no:1`,
    ])
    expect([unread.status, message(unread)]).toEqual([
      404,
      `Cannot find alias arn: ${HERE}:function:fn:other`,
    ])
  })

  it('sends each call to one of two versions by the weight, under the alias', async () => {
    await api.call('CreateAlias', {
      path,
      json: {
        Name: 'live',
        FunctionVersion: '1',
        RoutingConfig: { AdditionalVersionWeights: { 2: 0.5 } },
      },
    })

    const seen = new Set<string>()
    for (let n = 0; n < 64; n += 1)
      seen.add(JSON.stringify({ ...((await call('live')) as object), release: '' }))

    const arn = `${HERE}:function:fn:live`
    expect([...seen].toSorted()).toEqual([
      JSON.stringify({ version: '1', arn, release: '' }),
      JSON.stringify({ version: '2', arn, release: '' }),
    ])
  })

  it('moves, keeps the second version unless told, and drops it for an empty RoutingConfig', async () => {
    const named = { path: { ...path, Name: 'live' } }
    await api.call('CreateAlias', {
      path,
      json: {
        Name: 'live',
        FunctionVersion: '1',
        RoutingConfig: { AdditionalVersionWeights: { 2: 0.25 } },
      },
    })

    const described = await api.call('UpdateAlias', { ...named, json: { Description: 'x' } })
    const collided = await api.call('UpdateAlias', { ...named, json: { FunctionVersion: '2' } })
    const moved = await api.call('UpdateAlias', {
      ...named,
      json: { FunctionVersion: '2', RoutingConfig: {} },
    })

    expect(described.body['RoutingConfig']).toEqual({ AdditionalVersionWeights: { 2: 0.25 } })
    expect(collided.status).toBe(400)
    expect(moved.body).toMatchObject({ FunctionVersion: '2', Description: 'x' })
    expect(moved.body['RoutingConfig']).toBeUndefined()
    expect(await call('live')).toMatchObject({ version: '2' })
  })

  it('lets one of two moves at once win under one revision', async () => {
    const created = await api.call('CreateAlias', {
      path,
      json: { Name: 'live', FunctionVersion: '1' },
    })
    const move = (version: string) =>
      api.call('UpdateAlias', {
        path: { ...path, Name: 'live' },
        json: { FunctionVersion: version, RevisionId: created.body['RevisionId']! },
      })

    const answers = await Promise.all([move('2'), move('2')])

    const statuses = answers.map((answer) => answer.status).sort((a, b) => a - b)
    expect(statuses[0]).toBe(200)
    expect([409, 412]).toContain(statuses[1])
  })

  it('names both versions and their layers to the gate', async () => {
    await api.call('PublishLayerVersion', {
      path: { LayerName: 'layer' },
      zip: nodePackage('layer'),
    })
    await api.call('UpdateFunctionConfiguration', {
      path,
      json: { Layers: [`${HERE}:layer:layer:1`] },
    })
    await api.settle()
    await api.call('PublishVersion', { path })

    const { headers } = await api.call('CreateAlias', {
      path,
      json: {
        Name: 'live',
        FunctionVersion: '1',
        RoutingConfig: { AdditionalVersionWeights: { 3: 0.1 } },
      },
    })

    const row = await api.deps.store.reader
      .selectFrom('decision')
      .innerJoin('document', 'document.sha256', 'decision.facts')
      .select('document.body')
      .where('decision.id', '=', headers['x-lacre-decision-id']!)
      .executeTakeFirstOrThrow()
    const facts = JSON.parse(row.body) as { subjects: { arn: string }[]; change: object }
    expect(facts.change).toEqual({ from: null, to: '1', weight: 0.1 })
    expect(facts.subjects.map((subject) => subject.arn)).toEqual([
      `${HERE}:function:fn:1`,
      `${HERE}:function:fn:3`,
      `${HERE}:layer:layer:1`,
    ])
  })
})

describe('code from elsewhere', () => {
  const source = (Code: Record<string, string>) =>
    api.call('CreateFunction', {
      json: {
        FunctionName: 'fn',
        Role: ROLE,
        Runtime: 'nodejs20.x',
        Handler: 'index.handler',
        Code,
      },
    })

  it('takes an artifact that was uploaded by its digest', async () => {
    await using temp = await api.deps.blobs.createTemp()
    await temp.write(nodePackage('staged'))
    const source256 = temp.source()
    const { identity } = await api.deps.examiner.examine(source256)
    source256[Symbol.dispose]()
    await temp.sync()
    await api.deps.blobs.stage(temp, identity.codeSha256)

    const created = await source({ S3Bucket: 'lacre', S3Key: identity.codeSha256 })

    expect(created.status).toBe(201)
    expect(created.body['CodeSha256']).toBe(
      Buffer.from(identity.codeSha256, 'hex').toString('base64'),
    )
  })

  it('names the bucket or key that is not there, as AWS does', async () => {
    const bucket = await source({ S3Bucket: 'theirs', S3Key: 'code.zip' })
    const key = await source({ S3Bucket: 'lacre', S3Key: '0'.repeat(64) })

    expect(message(bucket)).toBe(
      'Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist',
    )
    expect(message(key)).toBe(
      'Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.',
    )
  })

  it('refuses what is no zip in the words of AWS and keeps nothing', async () => {
    const refused = await api.call('CreateFunction', {
      json: { FunctionName: 'fn', Role: ROLE, Runtime: 'nodejs20.x', Handler: 'index.handler' },
      zip: Buffer.from('this is not a zipfile, just a random string'),
    })

    expect([refused.status, message(refused)]).toEqual([
      400,
      'Could not unzip uploaded file. Please check your file, then try to upload again.',
    ])
    expect(await api.deps.store.reader.selectFrom('artifact').selectAll().execute()).toEqual([])
  })
})
