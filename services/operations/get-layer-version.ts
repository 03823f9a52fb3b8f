import {
  findLayerVersion,
  listLayerVersions as selectLayerVersions,
  listNewestLayers,
  type LayerFilter,
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

export type { LayerFilter }

/** Each layer with its newest version that suits, by name. */
export async function listLayers(
  deps: Deps,
  { marker, limit, ...filter }: PageAsked & LayerFilter,
): Promise<PageAnswer<LayerVersionRecord>> {
  const about = { ...filter, after: readMarker(marker) }
  const found = await listNewestLayers(deps.store.reader, about, limit + 1)
  return toPage(found, limit, (layer) => layer.name)
}

/** Newest first; of a layer that is not there, none. */
export async function listLayerVersions(
  deps: Deps,
  { marker, limit, layerName, ...filter }: PageAsked & LayerFilter & { readonly layerName: string },
): Promise<PageAnswer<LayerVersionRecord>> {
  const name = locateLayer(deps.place, layerName)
  const before = readMarker(marker)
  const about = { ...filter, name, below: before === undefined ? undefined : Number(before) }
  const found = await selectLayerVersions(deps.store.reader, about, limit + 1)
  return toPage(found, limit, (layer) => String(layer.version))
}
