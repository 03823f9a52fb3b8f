import type { Publisher, PublisherVersion } from '../../catalog/index.ts'
import {
  PlatformError,
  type Decision,
  type Json,
  type ManagedPublisherDocument,
  type Revocation,
} from '../../model/index.ts'
import {
  cancelPublisherVersion,
  createPublisher,
  describePublisher,
  listPublishers,
  listRevocations,
  publisherArn,
  revoke,
  tagsOfPublisher,
  type Deps,
} from '../../operations/index.ts'
import { integerMember, objectMember, textMapMember, textMember } from '../lambda/members.ts'
import { ConstraintCheck } from '../lambda/validation.ts'
import { toSeconds, type SignerHandlers, type SignerRequest } from './handler.ts'
import {
  invalid,
  pageOf,
  PLATFORM_ID,
  profileName,
  queryFlag,
  queryText,
  queryTexts,
  readPage,
} from './input.ts'

const STATUSES = ['Active', 'Canceled', 'Revoked']

/** A signing profile is a managed publisher; what it is named, versioned and revoked by is the same. */
export function profileHandlers(deps: Deps): SignerHandlers {
  return {
    PutSigningProfile: (request) => putProfile(deps, request),
    GetSigningProfile: async (request) => {
      const profile = await readProfile(deps, request)
      const { body, revocation } = await profileBody(deps, profile)
      const record = revocation === undefined ? {} : { revocationRecord: toRecord(revocation) }
      return { body: { ...body, ...record } }
    },
    ListSigningProfiles: async (request) => ({ body: await listProfiles(deps, request) }),
    CancelSigningProfile: async (request) => {
      const profile = await readProfile(deps, request)
      let decision: Decision | undefined
      for (const { version, status } of profile.versions) {
        if (status !== 'Active') continue
        const { name } = profile
        ;({ decision } = await cancelPublisherVersion(deps, request.caller, { name, version }))
      }
      return decision === undefined ? {} : { decision }
    },
    RevokeSigningProfile: (request) => revokeProfile(deps, request),
  }
}

async function putProfile(deps: Deps, request: SignerRequest) {
  const check = new ConstraintCheck()
  const name = profileName(check, request)
  const { json, caller } = request
  const platform = textMember(json, 'platformId')
  check.required('platformId', json['platformId'])
  const period = objectMember(json, 'signatureValidityPeriod')
  const value = period === undefined ? undefined : integerMember(period, 'value')
  const type = period === undefined ? undefined : textMember(period, 'type')
  check.oneOf('signatureValidityPeriod.type', type, ['DAYS', 'MONTHS', 'YEARS'])
  const tags = textMapMember(json, 'tags') ?? {}
  check.finish()
  if (platform !== PLATFORM_ID) throw invalid(`platform \`${platform}\` is not supported`)
  for (const member of ['signingMaterial', 'overrides', 'signingParameters'])
    if (json[member] !== undefined && json[member] !== null)
      throw invalid(`\`${member}\` is not supported on platform ${PLATFORM_ID}`)
  const validityPeriod = period === undefined ? {} : { validityPeriod: { value, type } }
  const document: Json = { kind: 'managed', ...(validityPeriod as Record<string, Json>) }
  const { result, decision } = await createPublisher(deps, caller, {
    name,
    publisher: { document },
    tags,
  })
  const version = result.versions.at(-1)
  return {
    decision,
    body: {
      arn: publisherArn(deps.place, name),
      profileVersion: version?.version ?? '',
      profileVersionArn: version?.arn ?? '',
    },
  }
}

async function listProfiles(deps: Deps, request: SignerRequest): Promise<Json> {
  const check = new ConstraintCheck()
  const page = readPage(check, request)
  const asked = queryTexts(request, 'statuses')
  for (const status of asked) check.oneOf('statuses', status, STATUSES)
  check.finish()
  const canceled = queryFlag(request, 'includeCanceled') ? ['Canceled'] : []
  const statuses = asked.length > 0 ? asked : ['Active', ...canceled]
  const platform = queryText(request, 'platformId') ?? PLATFORM_ID
  const managed = (await listPublishers(deps)).filter(({ kind }) => kind === 'managed')
  const bodies: { readonly profileName: string; readonly body: Json }[] = []
  for (const profile of platform === PLATFORM_ID ? managed : []) {
    const { body } = await profileBody(deps, profile)
    if (statuses.includes(body.status)) bodies.push({ profileName: profile.name, body })
  }
  const ordered = bodies.toSorted((a, b) => (a.profileName < b.profileName ? -1 : 1))
  const { items, token } = pageOf(ordered, page, (one) => one.profileName)
  return { profiles: items.map(({ body }) => body), ...token }
}

async function revokeProfile(deps: Deps, request: SignerRequest) {
  const check = new ConstraintCheck()
  const name = profileName(check, request)
  const { json, caller } = request
  const version = textMember(json, 'profileVersion')
  const reason = textMember(json, 'reason')
  const effective = json['effectiveTime'] ?? undefined
  check.required('profileVersion', json['profileVersion'])
  check.pattern('profileVersion', version, /^[a-zA-Z0-9]{10}$/, '^[a-zA-Z0-9]{10}$')
  check.required('reason', json['reason'])
  check.length('reason', reason, { min: 1, max: 500 })
  check.required('effectiveTime', effective)
  check.finish()
  const seconds = typeof effective === 'number' ? effective : Number.NaN
  // The latest second that a four-digit year can name.
  if (!(seconds >= 0 && seconds <= 253_402_300_799)) throw invalid('`effectiveTime` is no time')
  await readProfile(deps, request)
  const { decision } = await revoke(deps, caller, {
    subject: { kind: 'publisher-version', name, version: version ?? '' },
    effectiveAtMs: Math.floor(seconds * 1_000),
    reason: reason ?? '',
  })
  return { decision }
}

/** @throws PlatformError RESOURCE_NOT_FOUND, VALIDATION_FAILED */
export async function readProfile(deps: Deps, request: SignerRequest): Promise<Publisher> {
  const check = new ConstraintCheck()
  const name = profileName(check, request)
  const owner = queryText(request, 'profileOwner')
  check.pattern('profileOwner', owner, /^[0-9]{12}$/, '^[0-9]{12}$')
  check.finish()
  const profile = await describePublisher(deps, name)
  if (profile.kind === 'managed' && (owner ?? deps.place.account) === deps.place.account)
    return profile
  throw new PlatformError('RESOURCE_NOT_FOUND', `there is no signing profile \`${name}\``)
}

async function profileBody(deps: Deps, profile: Publisher) {
  const version = profile.versions.at(-1)
  if (version?.document.kind !== 'managed')
    throw new PlatformError('INTERNAL', 'a managed publisher has no managed version')
  const revocation = await revocationOf(deps, profile, version)
  const revoked = revocation !== undefined && revocation.effectiveAtMs <= deps.clock.nowMs()
  const arn = publisherArn(deps.place, profile.name)
  const tags = await tagsOfPublisher(deps, profile.name)
  const { validityPeriod, platformId } = version.document satisfies ManagedPublisherDocument
  const body = {
    profileName: profile.name,
    profileVersion: version.version,
    profileVersionArn: version.arn,
    platformId,
    platformDisplayName: 'AWS Lambda',
    signatureValidityPeriod: { ...validityPeriod },
    status: revoked ? 'Revoked' : version.status,
    arn,
    tags,
  }
  return { body, revocation }
}

async function revocationOf(
  deps: Deps,
  { id }: Publisher,
  { arn }: PublisherVersion,
): Promise<Revocation | undefined> {
  const found = (await listRevocations(deps)).filter(({ target }) => [id, arn].includes(target))
  return found.toSorted((a, b) => a.effectiveAtMs - b.effectiveAtMs)[0]
}

function toRecord({ effectiveAtMs, recordedAtMs }: Revocation): Json {
  return {
    revocationEffectiveFrom: toSeconds(effectiveAtMs),
    revokedAt: toSeconds(recordedAtMs),
  }
}
