import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  CreateAliasCommand,
  CreateFunctionCommand,
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  ListFunctionsCommand,
  LambdaClient,
  ListVersionsByFunctionCommand,
  PublishLayerVersionCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda'
import { expect, test } from 'vitest'

import { lacre } from '../support/command.ts'
import { ROLE, createActive, invoke, refusalOf, updateAndWait } from '../support/functions.ts'
import { governance, liveTable } from '../support/governance.ts'
import { nodePackage, zipOf } from '../support/packages.ts'
import { Service, startService } from '../support/service.ts'

/** A directory that goes at the end. */
function scratch(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'lacre-scratch-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

test('a restart keeps functions, versions, aliases, layers, and the live table; SIGTERM ends with exit 0', async () => {
  using dir = scratch()
  const first = await startService({ data: dir.path })
  const before = first.client()
  const layer = await before.send(
    new PublishLayerVersionCommand({
      LayerName: 'kept',
      Content: { ZipFile: zipOf({ 'a.txt': 'a' }) },
    }),
  )
  await createActive(before, 'kept', { Publish: true, Layers: [layer.LayerVersionArn ?? ''] })
  await before.send(
    new CreateAliasCommand({ FunctionName: 'kept', Name: 'prod', FunctionVersion: '1' }),
  )
  await updateAndWait(before, 'kept', nodePackage('later'))
  const was = await snapshot(before)
  const liveBefore = await liveTable(first.admin)
  before.destroy()
  const ended = await first.stop()
  const second = await startService({ data: dir.path })
  const after = second.client()
  const is = await snapshot(after)
  const prod = await invoke(after, 'kept', {}, 'prod')
  const latest = await invoke(after, 'kept')
  const liveAfter = await liveTable(second.admin)
  after.destroy()
  await second.stop()

  expect(ended).toEqual({ code: 0, signal: null })
  expect(is).toEqual(was)
  expect(liveAfter).toEqual(liveBefore)
  expect(prod.payload).toMatchObject({ release: 1 })
  expect(latest.payload).toMatchObject({ release: 'later' })
})

async function snapshot(client: LambdaClient): Promise<unknown> {
  const strip = (answer: object): unknown => ({ ...answer, $metadata: undefined })
  return [
    strip(await client.send(new ListFunctionsCommand({}))),
    strip(await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'kept' }))),
    strip(await client.send(new ListVersionsByFunctionCommand({ FunctionName: 'kept' }))),
    strip(await client.send(new GetAliasCommand({ FunctionName: 'kept', Name: 'prod' }))),
  ]
}

test('a second `serve` on the same data directory is refused, and the first goes on', async () => {
  await using first = await startService()
  await using second = new Service({ data: first.data })
  const { code } = await second.exited()
  const client = first.client()
  const listed = await client.send(new ListFunctionsCommand({}))
  client.destroy()

  expect(code).not.toBe(0)
  expect(second.log).toContain('is using the data directory')
  expect(listed.Functions).toEqual([])
})

test('a listener beyond loopback is refused without TLS', async () => {
  await using service = new Service({ args: ['--listen', '0.0.0.0:0'] })
  const { code } = await service.exited()

  expect(code).toBe(2)
  expect(service.log).toContain('not a loopback address')
})

test('serves TLS with a certificate of its own', async () => {
  using dir = scratch()
  const [key, cert] = [join(dir.path, 'key.pem'), join(dir.path, 'cert.pem')]
  const request509 = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${key} -out ${cert} -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost`
  const made = spawnSync('openssl', request509.split(' '))
  expect(made.status).toBe(0)
  await using service = await startService({ args: ['--tls-cert', cert, '--tls-key', key] })
  const { endpoint, region, accessKeyId, secretAccessKey } = service.admin
  const client = new LambdaClient({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    // The SDK builds its own handler from these.
    requestHandler: { httpsAgent: new Agent({ ca: readFileSync(cert) }) },
  })
  const created = await createActive(client, 'over-tls')
  const untrusting = await new Promise<string>((resolve) => {
    const call = request(`${endpoint}/healthz`, () => resolve('answered'))
    call.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    call.end()
  })
  client.destroy()

  expect(service.url).toMatch(/^https:/)
  expect(created.State).toBe('Pending')
  expect(untrusting).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
})

test('health needs no signature, everything else does', async () => {
  await using service = await startService()
  const paths = ['/healthz', '/readyz', '/api/v1/live', '/2015-03-31/functions']
  const statuses = await Promise.all(
    paths.map(async (path) => (await fetch(`${service.url}${path}`)).status),
  )

  expect(statuses).toEqual([200, 200, 403, 403])
})

test('artifacts above 50 MB come by digest: uploaded, then named in the request', async () => {
  await using service = await startService()
  const client = service.client()
  const zip = bigPackage(60)
  const digest = createHash('sha256').update(zip).digest('hex')
  const path = `/artifacts/${digest}`
  const put = await governance(service.admin, { method: 'PUT', path, raw: zip })
  const again = await governance(service.admin, { method: 'PUT', path, raw: zip })
  const created = await createActive(client, 'big', {
    Code: { S3Bucket: 'lacre', S3Key: digest },
    MemorySize: 256,
  })
  const wrong = await governance(service.admin, {
    method: 'PUT',
    path: `/artifacts/${'0'.repeat(64)}`,
    raw: Buffer.from('not that'),
  })
  const inline = await refusalOf(
    client.send(new UpdateFunctionCodeCommand({ FunctionName: 'big', ZipFile: zip })),
  )
  const { payload } = await invoke(client, 'big')
  client.destroy()

  expect([put.status, again.status].every((status) => status >= 200 && status < 300)).toBe(true)
  expect(Buffer.from(created.CodeSha256 ?? '', 'base64').toString('hex')).toBe(digest)
  expect(wrong.status).toBe(400)
  expect(inline.status).toBe(413)
  expect(payload).toMatchObject({ release: 'big' })
})

test('`lacre deploy` carries an artifact above 50 MB by itself', async () => {
  using dir = scratch()
  await using service = await startService()
  const file = join(dir.path, 'big.zip')
  writeFileSync(file, bigPackage(55))
  const flags = ['--function', 'big', '--runtime', 'nodejs20.x', '--handler', 'index.handler']
  const deployed = lacre(['deploy', file, ...flags, '--publish', '--data', service.data, '--json'])
  const client = service.client()
  const { payload } = await invoke(client, 'big', {}, '1')
  client.destroy()

  expect(deployed.status, deployed.stderr).toBe(0)
  expect(payload).toMatchObject({ release: 'big' })
})

/** So many MB of bytes that do not compress, beside a function. */
function bigPackage(megabytes: number): Buffer {
  const code = `exports.handler = async () => ({ release: 'big' })\n`
  return zipOf({ 'index.js': code, 'model.bin': randomBytes(megabytes * 1_048_576) })
}

/** A file system of a few MB: only root can mount one, and not everywhere. */
function tinyDisk(megabytes: number): (Disposable & { readonly path: string }) | undefined {
  const path = mkdtempSync(join(tmpdir(), 'lacre-tiny-'))
  const options = ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]
  const mounted = process.getuid?.() === 0 && spawnSync('mount', options).status === 0
  if (!mounted) {
    rmSync(path, { recursive: true })
    return undefined
  }
  return {
    path,
    [Symbol.dispose]: () => {
      spawnSync('umount', ['-l', path])
      rmSync(path, { recursive: true, force: true })
    },
  }
}

test('a full disk: changes get a typed 503, invocations go on, and it recovers by itself', async (ctx) => {
  using disk = tinyDisk(24)
  if (disk === undefined) return ctx.skip('needs root and mount(2) for a small tmpfs')
  const data = join(disk.path, 'data')
  await using service = await startService({ data })
  const client = service.client()
  await createActive(client, 'steady')
  await invoke(client, 'steady')
  const filler = join(disk.path, 'filler')
  spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k', 'status=none'])
  const refusals: unknown[] = []
  for (let tries = 0; tries < 3; tries += 1) {
    const ZipFile = zipOf({ 'index.js': randomBytes(300_000) })
    const update = new UpdateFunctionCodeCommand({ FunctionName: 'steady', ZipFile })
    const { name, status } = await refusalOf(client.send(update))
    refusals.push({ name, status })
  }
  const during = await invoke(client, 'steady', { still: 'here' })
  const reading = await client.send(new ListFunctionsCommand({}))
  rmSync(filler)
  const recoveredMs = await timeToRecover(client)
  const after = await invoke(client, 'steady')
  client.destroy()
  const ended = await service.stop()
  const verified = lacre(['ledger', 'verify', '--data', data])

  expect(refusals).toEqual(Array.from({ length: 3 }, () => ({ name: 'ServiceException', status: 503 }))) // prettier-ignore
  expect(during.payload).toEqual({ release: 1, event: { still: 'here' } })
  expect(reading.Functions).toHaveLength(1)
  expect(recoveredMs).toBeLessThan(10_000)
  expect(after.payload).toMatchObject({ release: 'recovered' })
  expect(ended.code).toBe(0)
  expect([0, 5]).toContain(verified.status)
})

async function timeToRecover(client: LambdaClient): Promise<number> {
  const startedAt = performance.now()
  await updateAndWait(client, 'steady', nodePackage('recovered'))
  return performance.now() - startedAt
}

test('whoever does not hold the key changes nothing', async () => {
  await using service = await startService()
  const stranger = new LambdaClient({
    endpoint: service.url,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: service.admin.accessKeyId, secretAccessKey: 'x'.repeat(40) },
  })
  const refused = await refusalOf(
    stranger.send(
      new CreateFunctionCommand({
        FunctionName: 'intruder',
        Runtime: 'nodejs20.x',
        Handler: 'index.handler',
        Role: ROLE,
        Code: { ZipFile: nodePackage(1) },
      }),
    ),
  )
  stranger.destroy()

  expect(refused).toMatchObject({ name: 'InvalidSignatureException', status: 403 })
  expect(existsSync(join(service.data, 'blobs'))).toBe(true)
  expect(await liveTable(service.admin)).toEqual([])
})
