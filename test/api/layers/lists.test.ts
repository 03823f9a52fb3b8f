import {
  DeleteLayerVersionCommand,
  ListLayerVersionsCommand,
  ListLayersCommand,
  PublishLayerVersionCommand,
  type ListLayersCommandInput,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { nodePackage } from '../../support/packages.ts'
import { stillStage, type Stage } from '../../support/recorded-stage.ts'

let stage: Stage
/** `b` is left with version 2 alone, `d` with none. */
const PUBLISHED = [
  ['a', 'nodejs20.x', 'x86_64'],
  ['a', 'python3.12', 'x86_64'],
  ['b', 'nodejs20.x', 'arm64'],
  ['b', 'nodejs20.x', 'x86_64'],
  ['b', 'nodejs20.x', 'x86_64'],
  ['c', 'python3.12', 'arm64'],
  ['d', 'nodejs20.x', 'x86_64'],
] as const
const GONE = [
  ['b', 3],
  ['b', 1],
  ['d', 1],
] as const

beforeAll(async () => {
  stage = await stillStage()
  for (const [LayerName, runtime, architecture] of PUBLISHED) {
    await stage.send(
      new PublishLayerVersionCommand({
        LayerName,
        Content: { ZipFile: nodePackage(LayerName) },
        CompatibleRuntimes: [runtime],
        CompatibleArchitectures: [architecture],
      }),
    )
  }
  for (const [LayerName, VersionNumber] of GONE)
    await stage.send(new DeleteLayerVersionCommand({ LayerName, VersionNumber }))
})
afterAll(() => stage[Symbol.asyncDispose]())

interface Listed {
  readonly Layers: readonly {
    readonly LayerName: string
    readonly LatestMatchingVersion: { readonly Version: number }
  }[]
  readonly NextMarker?: string
}

async function list(asked: ListLayersCommandInput): Promise<Listed> {
  const { body } = await stage.send(new ListLayersCommand(asked))
  return body as unknown as Listed
}

it.each([
  ['no filter', {}, ['a:2', 'b:2', 'c:1']],
  ['a runtime', { CompatibleRuntime: 'nodejs20.x' as const }, ['a:1', 'b:2']],
  ['an architecture', { CompatibleArchitecture: 'x86_64' as const }, ['a:2', 'b:2']],
  [
    'both',
    { CompatibleRuntime: 'python3.12' as const, CompatibleArchitecture: 'arm64' as const },
    ['c:1'],
  ],
  ['what nothing suits', { CompatibleRuntime: 'java21' as const }, []],
])(
  'lists each layer once, with its newest version that suits: %s',
  async (_by, asked, expected) => {
    const { Layers, NextMarker } = await list(asked)

    expect(Layers.map((one) => `${one.LayerName}:${one.LatestMatchingVersion.Version}`)).toEqual(
      expected,
    )
    expect(NextMarker).toBeUndefined()
  },
)

it('pages through layers without losing one or giving one twice', async () => {
  const names: string[] = []
  let Marker: string | undefined
  do {
    const page = await list({ MaxItems: 1, Marker })
    names.push(...page.Layers.map((one) => one.LayerName))
    Marker = page.NextMarker
  } while (Marker !== undefined)

  expect(names).toEqual(['a', 'b', 'c'])
})

it('pages through the versions of a layer, newest first', async () => {
  const first = await stage.send(new ListLayerVersionsCommand({ LayerName: 'a', MaxItems: 1 }))
  const { NextMarker: Marker } = first.body as { NextMarker: string }
  const rest = await stage.send(new ListLayerVersionsCommand({ LayerName: 'a', Marker }))

  expect(first.body).toMatchObject({ LayerVersions: [{ Version: 2 }] })
  expect(rest.body).toMatchObject({ LayerVersions: [{ Version: 1 }] })
  expect(rest.body).not.toHaveProperty('NextMarker')
})
