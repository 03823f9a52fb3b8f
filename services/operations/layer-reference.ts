import { PlatformError, type Place } from '../model/index.ts'

/** The bare name. @throws PlatformError ACCESS_DENIED, INVALID_PARAMETER (another region) */
export function locateLayer(place: Place, layerName: string): string {
  const match = /^arn:[^:]+:lambda:([^:]+):(\d{12}):layer:(.+)$/.exec(layerName)
  if (match === null) return layerName
  const [, region, account, name = ''] = match
  if (account !== place.account)
    throw new PlatformError('ACCESS_DENIED', `account \`${account}\` is not the one served here`)
  if (region !== place.region) {
    throw new PlatformError(
      'RESOURCE_NOT_FOUND',
      `layers from '${region}' are not reachable in this region ('${place.region}')`,
    )
  }
  return name
}

/** Recorded. */
export function refuseBelowOne(version: number): void {
  if (version < 1)
    throw new PlatformError('INVALID_PARAMETER', 'Layer Version Cannot be less than 1')
}
