import { PlatformError } from './errors.ts'

/** Account and region of this installation (DESIGN §7). */
export interface Place {
  readonly account: string
  readonly region: string
}

export const LATEST = '$LATEST'

export function functionArn(place: Place, name: string, qualifier?: string): string {
  const base = `arn:aws:lambda:${place.region}:${place.account}:function:${name}`
  return qualifier === undefined ? base : `${base}:${qualifier}`
}

export function layerArn(place: Place, name: string): string {
  return `arn:aws:lambda:${place.region}:${place.account}:layer:${name}`
}

export function layerVersionArn(place: Place, name: string, version: number): string {
  return `${layerArn(place, name)}:${version}`
}

export function codeSigningConfigArn(place: Place, id: string): string {
  return `arn:aws:lambda:${place.region}:${place.account}:code-signing-config:${id}`
}

export function eventSourceMappingArn(place: Place, uuid: string): string {
  return `arn:aws:lambda:${place.region}:${place.account}:event-source-mapping:${uuid}`
}

export function publisherVersionArn(place: Place, name: string, version: string): string {
  return `arn:aws:signer:${place.region}:${place.account}:/signing-profiles/${name}/${version}`
}

export interface FunctionReference {
  readonly name: string
  readonly qualifier: string | undefined
  readonly account: string | undefined
  readonly region: string | undefined
}

const FUNCTION_NAME =
  /^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:((?:eusc-)?[a-z]{2}(?:(?:-gov)|(?:-iso(?:[a-z]?)))?-[a-z]+-\d):)?(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9-_.]+)(?::(\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$/

/** A name, partial ARN or ARN, with or without a qualifier (SPEC A2); `undefined` where it is none of these. */
export function parseFunctionReference(text: string): FunctionReference | undefined {
  const match = FUNCTION_NAME.exec(text)
  if (match === null) return undefined
  const [, region, account, name, qualifier] = match
  return name === undefined ? undefined : { name, qualifier, account, region }
}

export interface LayerVersionReference {
  readonly account: string
  readonly region: string
  readonly name: string
  readonly version: number
}

/** `undefined` where the text is no layer version ARN. */
export function parseLayerVersionArn(text: string): LayerVersionReference | undefined {
  const match =
    /^arn:[a-zA-Z0-9-]+:lambda:([a-zA-Z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+):([0-9]{1,15})$/.exec(
      text,
    )
  if (match === null) return undefined
  const [, region, account, name, version] = match
  if (region === undefined || account === undefined || name === undefined) return undefined
  return { region, account, name, version: Number(version) }
}

export interface PublisherVersionReference {
  readonly name: string
  readonly version: string
}

/** The name and version in a signing profile version ARN of this place; versionless ARNs trust nothing (RULES §4). */
export function parsePublisherVersionArn(
  place: Place,
  text: string,
): PublisherVersionReference | undefined {
  const match =
    /^arn:aws:signer:([a-z0-9-]+):(\d{12}):\/signing-profiles\/([a-zA-Z0-9_]{2,64})\/([a-zA-Z0-9]{10})$/.exec(
      text,
    )
  if (match === null) return undefined
  const [, region, account, name, version] = match
  if (
    region !== place.region ||
    account !== place.account ||
    name === undefined ||
    version === undefined
  )
    return undefined
  return { name, version }
}

/** @throws PlatformError INVALID_PARAMETER */
export function parsePlace(account: string, region: string): Place {
  if (!/^\d{12}$/.test(account))
    throw new PlatformError('INVALID_PARAMETER', `account \`${account}\` is not 12 digits`)
  if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(region))
    throw new PlatformError('INVALID_PARAMETER', `region \`${region}\` is none`)
  return { account, region }
}
