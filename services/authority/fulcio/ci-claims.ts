import type { Members } from '../members.ts'
import { refuse } from '../refusal.ts'
import type { Issuer, IssuerKind } from './issuers.ts'

/** Values by the last number of Fulcio's extension; what is undefined or empty is left out. */
export type ClaimExtensions = Readonly<Record<number, string | undefined>>

export interface CiSubject {
  readonly uri: string
  readonly extensions: ClaimExtensions
}

/** Fulcio's numbers (docs/oid-info.md there). */
const OID = {
  githubTrigger: 2,
  githubSha: 3,
  githubWorkflow: 4,
  githubRepository: 5,
  githubRef: 6,
  buildSignerUri: 9,
  buildSignerDigest: 10,
  runnerEnvironment: 11,
  sourceRepositoryUri: 12,
  sourceRepositoryDigest: 13,
  sourceRepositoryRef: 14,
  sourceRepositoryIdentifier: 15,
  sourceRepositoryOwnerUri: 16,
  sourceRepositoryOwnerIdentifier: 17,
  buildConfigUri: 18,
  buildConfigDigest: 19,
  buildTrigger: 20,
  runInvocationUri: 21,
  sourceRepositoryVisibility: 22,
  deploymentEnvironment: 23,
} as const

/** The name and extensions of a CI's job. @throws PlatformError INVALID_PARAMETER where a claim is missing */
export function ciClaims(issuer: Issuer, claims: Members): CiSubject {
  const readers: Readonly<Record<Exclude<IssuerKind, 'email'>, typeof github>> = {
    github,
    gitlab,
    buildkite,
    circleci,
  }
  if (issuer.kind === 'email') throw refuse('token-claims', 'the issuer is not a CI')
  return readers[issuer.kind](new Claims(claims), issuer)
}

/** Claims as text; numbers and booleans too, as Fulcio's templates write them. */
class Claims {
  readonly #claims: Members

  constructor(claims: Members) {
    this.#claims = claims
  }

  /** @throws PlatformError INVALID_PARAMETER */
  need(name: string): string {
    const value = this.find(name)
    if (value === undefined || value === '')
      throw refuse('token-claims', `the identity token lacks the claim \`${name}\``)
    return value
  }

  find(name: string): string | undefined {
    const value = this.#claims[name]
    if (value === undefined || value === null) return undefined
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    throw refuse('token-claims', `the claim \`${name}\` of the identity token is not text`)
  }
}

function github(claims: Claims, issuer: Issuer): CiSubject {
  const url = githubUrl(issuer.url)
  const repository = claims.need('repository')
  const run = `${repository}/actions/runs/${claims.need('run_id')}`
  const uri = `${url}/${claims.need('job_workflow_ref')}`
  return {
    uri,
    extensions: {
      [OID.githubTrigger]: claims.need('event_name'),
      [OID.githubSha]: claims.need('sha'),
      [OID.githubWorkflow]: claims.need('workflow'),
      [OID.githubRepository]: repository,
      [OID.githubRef]: claims.need('ref'),
      [OID.buildSignerUri]: uri,
      [OID.buildSignerDigest]: claims.need('job_workflow_sha'),
      [OID.runnerEnvironment]: claims.need('runner_environment'),
      [OID.sourceRepositoryUri]: `${url}/${repository}`,
      [OID.sourceRepositoryDigest]: claims.need('sha'),
      [OID.sourceRepositoryRef]: claims.need('ref'),
      [OID.sourceRepositoryIdentifier]: claims.need('repository_id'),
      [OID.sourceRepositoryOwnerUri]: `${url}/${claims.need('repository_owner')}`,
      [OID.sourceRepositoryOwnerIdentifier]: claims.need('repository_owner_id'),
      [OID.buildConfigUri]: `${url}/${claims.need('workflow_ref')}`,
      [OID.buildConfigDigest]: claims.need('workflow_sha'),
      [OID.buildTrigger]: claims.need('event_name'),
      [OID.runInvocationUri]: `${url}/${run}/attempts/${claims.need('run_attempt')}`,
      [OID.sourceRepositoryVisibility]: claims.need('repository_visibility'),
      [OID.deploymentEnvironment]: claims.find('environment'),
    },
  }
}

/** GitHub Enterprise Server's issuer is `https://HOST/_services/token`, and its pages lie on HOST. */
function githubUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return pathname === '/_services/token' ? origin : 'https://github.com'
}

function gitlab(claims: Claims, issuer: Issuer): CiSubject {
  const url = issuer.url.replace(/\/$/, '')
  const project = claims.need('project_path')
  const uri = `https://${claims.need('ci_config_ref_uri')}`
  const refKind = claims.need('ref_type') === 'branch' ? 'heads' : 'tags'
  return {
    uri,
    extensions: {
      [OID.buildSignerUri]: uri,
      [OID.buildSignerDigest]: claims.need('ci_config_sha'),
      [OID.runnerEnvironment]: claims.need('runner_environment'),
      [OID.sourceRepositoryUri]: `${url}/${project}`,
      [OID.sourceRepositoryDigest]: claims.need('sha'),
      [OID.sourceRepositoryRef]: `refs/${refKind}/${claims.need('ref')}`,
      [OID.sourceRepositoryIdentifier]: claims.need('project_id'),
      [OID.sourceRepositoryOwnerUri]: `${url}/${claims.need('namespace_path')}`,
      [OID.sourceRepositoryOwnerIdentifier]: claims.need('namespace_id'),
      [OID.buildConfigUri]: uri,
      [OID.buildConfigDigest]: claims.need('ci_config_sha'),
      [OID.buildTrigger]: claims.need('pipeline_source'),
      [OID.runInvocationUri]: `${url}/${project}/-/jobs/${claims.need('job_id')}`,
      [OID.sourceRepositoryVisibility]: claims.need('project_visibility'),
      [OID.deploymentEnvironment]: claims.find('environment'),
    },
  }
}

function buildkite(claims: Claims): CiSubject {
  const url = 'https://buildkite.com'
  const pipeline = `${url}/${claims.need('organization_slug')}/${claims.need('pipeline_slug')}`
  const build = `${claims.need('build_number')}#${claims.need('job_id')}`
  return {
    uri: pipeline,
    extensions: {
      [OID.runnerEnvironment]: claims.need('runner_environment'),
      [OID.sourceRepositoryDigest]: claims.need('build_commit'),
      [OID.buildTrigger]: claims.need('build_source'),
      [OID.runInvocationUri]: `${pipeline}/builds/${build}`,
    },
  }
}

function circleci(claims: Claims): CiSubject {
  const api = 'https://circleci.com/api/v2'
  const own = (name: string): string => claims.need(`oidc.circleci.com/${name}`)
  const definition = own('pipeline-definition-id')
  const uri = `${api}/projects/${own('project-id')}/pipeline-definitions/${definition}`
  const rerun = claims.find('oidc.circleci.com/ssh-rerun') === 'true'
  return {
    uri,
    extensions: {
      [OID.buildSignerUri]: uri,
      // Whoever looks at it must not take a job that somebody logs in to for one that nobody touches.
      [OID.runnerEnvironment]: rerun ? 'ssh-rerun' : undefined,
      [OID.sourceRepositoryUri]: claims.find('oidc.circleci.com/vcs-origin'),
      [OID.sourceRepositoryRef]: claims.find('oidc.circleci.com/vcs-ref'),
      [OID.buildConfigUri]: `${api}/pipeline/${own('pipeline-id')}/config`,
      [OID.runInvocationUri]: `https://app.circleci.com/workflow/${own('workflow-id')}/job/${own('job-id')}`,
    },
  }
}
