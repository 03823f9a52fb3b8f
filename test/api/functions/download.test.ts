import {
  CreateFunctionCommand,
  GetFunctionCommand,
  PublishLayerVersionCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { ROLE } from '../../support/functions.ts'
import { startLambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { stillStage, type Stage } from '../../support/recorded-stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await stillStage()
  const create = {
    FunctionName: 'fn',
    Runtime: 'nodejs20.x' as const,
    Handler: 'index.handler',
    Role: ROLE,
    Code: { ZipFile: nodePackage('bytes') },
  }
  await stage.send(new CreateFunctionCommand(create))
})
afterAll(() => stage[Symbol.asyncDispose]())

async function location(): Promise<URL> {
  const got = await stage.client.send(new GetFunctionCommand({ FunctionName: 'fn' }))
  return new URL(String(got.Code?.Location))
}

it('gives back the bytes that were uploaded, to whoever has the link', async () => {
  const reply = await fetch(await location())

  expect(reply.status).toBe(200)
  expect(reply.headers.get('content-type')).toBe('application/zip')
  expect(Buffer.from(await reply.arrayBuffer())).toEqual(nodePackage('bytes'))
})

it('gives back the content of a layer', async () => {
  const ZipFile = nodePackage('layer')
  const layer = await stage.client.send(
    new PublishLayerVersionCommand({ LayerName: 'layer', Content: { ZipFile } }),
  )

  const reply = await fetch(String(layer.Content?.Location))

  expect(Buffer.from(await reply.arrayBuffer())).toEqual(nodePackage('layer'))
})

it.each<[string, (link: URL) => string, RequestInit]>([
  ['another digest', (link) => link.href.replace(/artifacts\/[0-9a-f]{64}/, `artifacts/${'a'.repeat(64)}`), {}],
  ['a later end', (link) => link.href.replace(/Expires=\d+/, 'Expires=9999999999'), {}],
  ['another signature', (link) => link.href.replace(/.$/, (last) => (last === '0' ? '1' : '0')), {}],
  ['a member more', (link) => `${link.href}&x=1`, {}],
  ['no signature', (link) => link.href.split('?')[0] ?? '', {}],
  ['another spelling of the path', (link) => link.href.replace('artifacts', 'artifact%73'), {}],
  ['the seals of the artifact', (link) => link.href.replace('?', '/seals?'), {}],
  ['PUT', (link) => link.href, { method: 'PUT', body: 'x' }],
  ['POST', (link) => link.href, { method: 'POST' }],
  ['DELETE', (link) => link.href, { method: 'DELETE' }],
  ['HEAD', (link) => link.href, { method: 'HEAD' }],
])('refuses a link of ours with %s', async (_name, change, init) => {
  const reply = await fetch(change(await location()), init)

  expect([403, 404]).toContain(reply.status)
}) // prettier-ignore

it('refuses a link after ten minutes, and not before', async () => {
  await using api = await startLambdaApi()
  const { permitDownload, openDownload } = await import('../../../services/operations/index.ts')
  await api.call('CreateFunction', {
    json: { FunctionName: 'fn', Runtime: 'nodejs20.x', Handler: 'index.handler', Role: ROLE },
    zip: nodePackage('late'),
  })
  const [artifact] = await api.deps.store.reader.selectFrom('artifact').selectAll().execute()
  const digest = artifact?.code_sha256 as Parameters<typeof openDownload>[1]
  const permit = permitDownload(api.deps, digest)

  api.clock.advance(599_000)
  using source = await openDownload(api.deps, digest, permit)
  expect(source.sizeBytes).toBe(nodePackage('late').length)
  api.clock.advance(1_000)
  await expect(openDownload(api.deps, digest, permit)).rejects.toMatchObject({
    code: 'ACCESS_DENIED',
    message: 'the link has expired',
  })
})
