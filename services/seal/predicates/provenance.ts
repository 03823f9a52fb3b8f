import type { Json } from '../../model/index.ts'
import { toObject, type Members } from '../members.ts'
import type { ProvenanceClaim } from './claim.ts'
import { listOf, objectOf, objectOrNothing, optional, optionalText, requiredText } from './read.ts'

const DEPENDENCIES_LIMIT = 20_000

interface Source {
  readonly source?: string
  readonly commit?: string
  readonly ref?: string
}

/** SLSA provenance v1 (https://slsa.dev/spec/v1.0/provenance). @throws PlatformError INVALID_SEAL */
export function parseProvenanceV1(predicate: Json): ProvenanceClaim {
  const members = toObject(predicate, 'the provenance')
  const definition = toObject(members['buildDefinition'], '`buildDefinition`')
  const run = toObject(members['runDetails'], '`runDetails`')
  const metadata = objectOf(run['metadata'], '`metadata` of the run')
  const dependencies = listOf(
    definition['resolvedDependencies'],
    '`resolvedDependencies`',
    DEPENDENCIES_LIMIT,
  ).map((item) => toObject(item, 'a resolved dependency'))
  return {
    kind: 'provenance',
    builder: requiredText(toObject(run['builder'], '`builder`'), 'id', 'the builder'),
    buildType: requiredText(definition, 'buildType', 'the build'),
    ...sourceOfV1(objectOf(definition['externalParameters'], 'the parameters'), dependencies),
    ...optional('invocation', optionalText(metadata, 'invocationId', 'the run')),
  }
}

/** SLSA provenance v0.2. @throws PlatformError INVALID_SEAL */
export function parseProvenanceV02(predicate: Json): ProvenanceClaim {
  const members = toObject(predicate, 'the provenance')
  const invocation = objectOf(members['invocation'], '`invocation`')
  const metadata = objectOf(members['metadata'], '`metadata`')
  const config = objectOf(invocation['configSource'], '`configSource`')
  return {
    kind: 'provenance',
    builder: requiredText(toObject(members['builder'], '`builder`'), 'id', 'the builder'),
    buildType: requiredText(members, 'buildType', 'the build'),
    ...sourceOfDescriptor(config),
    ...optional('invocation', optionalText(metadata, 'buildInvocationId', 'the build')),
  }
}

/**
 * Where the code came from: GitHub's build types name a workflow with repository and ref, the container-based one a
 * source; without either it is the one Git repository among the dependencies. Of several nobody can tell which.
 */
function sourceOfV1(parameters: Members, dependencies: readonly Members[]): Source {
  const workflow = objectOrNothing(parameters['workflow'])
  if (workflow?.['repository'] !== undefined) {
    const named = splitUri(requiredText(workflow, 'repository', 'the workflow'))
    const ref = optionalText(workflow, 'ref', 'the workflow') ?? named.ref
    const origin = dependencies
      .map(sourceOfDescriptor)
      .find((one) => one.source === named.source && (one.ref ?? ref) === ref)
    return {
      ...optional('source', named.source),
      ...optional('ref', ref),
      ...optional('commit', origin?.commit),
    }
  }
  const { source } = parameters
  if (typeof source === 'string') return sourceOfDescriptor({ uri: source })
  const descriptor = objectOrNothing(source)
  if (descriptor?.['uri'] !== undefined) return sourceOfDescriptor(descriptor)
  const repositories = dependencies.filter(
    ({ uri }) => typeof uri === 'string' && uri.startsWith('git+'),
  )
  const [only] = repositories
  return only === undefined || repositories.length > 1 ? {} : sourceOfDescriptor(only)
}

/** An in-toto ResourceDescriptor, and v0.2's `configSource`, as far as both name a source. */
function sourceOfDescriptor(descriptor: Members): Source {
  const uri = optionalText(descriptor, 'uri', 'a source')
  const digests = objectOf(descriptor['digest'], 'the digest of a source')
  const digest = digests['gitCommit'] ?? digests['sha1'] ?? digests['sha256']
  const commit = typeof digest === 'string' && /^[0-9a-f]{40,64}$/.test(digest) ? digest : undefined
  return { ...(uri !== undefined && splitUri(uri)), ...optional('commit', commit) }
}

/** `git+https://host/owner/name.git@refs/heads/main` as repository and ref. */
function splitUri(uri: string): Source {
  const plain = uri.replace(/^git\+/, '')
  const at = plain.indexOf('@refs/')
  const repository = at < 0 ? plain : plain.slice(0, at)
  const ref = at < 0 ? undefined : plain.slice(at + 1)
  return { source: repository.replace(/\.git$/, ''), ...optional('ref', ref) }
}
