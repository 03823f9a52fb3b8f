import {
  findLayerVersion,
  listLayerNames,
  listLayerVersions as selectLayerVersions,
  type LayerVersionRecord,
} from '../catalog/index.ts'
import { PlatformError, layerVersionArn, parseLayerVersionArn } from '../model/index.ts'
import type { Deps } from './context.ts'
import { locateLayer, refuseBelowOne } from './layer-reference.ts'
import { readMarker, toPage, type PageAnswer, type PageAsked } from './page.ts'

/** @throws PlatformError RESOURCE_NOT_FOUND, INVALID_PARAMETER (below 1) */
export async function getLayerVersion(
  deps: Deps,
  asked: { readonly layerName: string; readonly version: number },
): Promise<LayerVersionRecord> {
  const name = locateLayer(deps.place, asked.layerName)
  refuseBelowOne(asked.version)
  const arn = layerVersionArn(deps.place, name, asked.version)
  return await findOrRefuse(deps, arn)
}

/** @throws PlatformError RESOURCE_NOT_FOUND, ACCESS_DENIED */
export async function getLayerVersionByArn(deps: Deps, arn: string): Promise<LayerVersionRecord> {
  const reference = parseLayerVersionArn(arn)
  if (reference !== undefined && reference.account !== deps.place.account) {
    throw new PlatformError(
      'ACCESS_DENIED',
      `account \`${reference.account}\` is not the one served here`,
    )
  }
  return await findOrRefuse(deps, arn)
}

async function findOrRefuse(deps: Deps, arn: string): Promise<LayerVersionRecord> {
  const layer = await findLayerVersion(deps.store.reader, arn)
  if (layer !== undefined) return layer
  throw new PlatformError('RESOURCE_NOT_FOUND', 'The resource you requested does not exist.')
}

export interface LayerFilter {
  readonly runtime?: string | undefined
  readonly architecture?: string | undefined
}

/** Each layer with its newest version that suits, by name. */
export async function listLayers(
  deps: Deps,
  asked: PageAsked & LayerFilter,
): Promise<PageAnswer<LayerVersionRecord>> {
  const after = readMarker(asked.marker)
  return await deps.store.snapshot(async (reader) => {
    const found: LayerVersionRecord[] = []
    for (const name of await listLayerNames(reader)) {
      if (after !== undefined && name <= after) continue
      const newest = (await selectLayerVersions(reader, name)).find((one) => suits(one, asked))
      if (newest !== undefined) found.push(newest)
      if (found.length > asked.limit) break
    }
    return toPage(found, asked.limit, (layer) => layer.name)
  })
}

/** Newest first; of a layer that is not there, none. */
export async function listLayerVersions(
  deps: Deps,
  asked: PageAsked & LayerFilter & { readonly layerName: string },
): Promise<PageAnswer<LayerVersionRecord>> {
  const name = locateLayer(deps.place, asked.layerName)
  const before = readMarker(asked.marker)
  const all = await selectLayerVersions(deps.store.reader, name)
  const found = all.filter(
    (one) => suits(one, asked) && (before === undefined || one.version < Number(before)),
  )
  return toPage(found, asked.limit, (layer) => String(layer.version))
}

function suits(layer: LayerVersionRecord, { runtime, architecture }: LayerFilter): boolean {
  return (
    (runtime === undefined || (layer.compatibleRuntimes?.includes(runtime) ?? false)) &&
    (architecture === undefined || (layer.compatibleArchitectures?.includes(architecture) ?? false))
  )
}
