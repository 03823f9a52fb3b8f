import {
  codeSigningConfigId,
  defaultConfiguration,
  findCodeSigningConfig,
  findFunction,
  findResourceTags,
  findVersionById,
  insertArtifact,
  insertFunction,
  insertVersion,
  setResourceTags,
  pendingStatus,
  releaseOf,
  withConfiguration,
  type ConfigurationInput,
  type NewVersion,
  type TouchedRow,
  type VersionRecord,
} from '../catalog/index.ts'
import {
  LATEST,
  PlatformError,
  canonicalJson,
  functionArn,
  functionRef,
  newId,
  type Json,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { refuseProtectedTags } from './access/protected-tags.ts'
import { checkCodeStorage } from './account-settings.ts'
import { enqueueActivation } from './activate.ts'
import { openCode, type CodeSource, type OpenedCode } from './code-source.ts'
import type { Caller, Deps } from './context.ts'
import { environmentDigest } from './environment-digest.ts'
import { locateUnqualified } from './function-reference.ts'
import { RowsMoved, govern, type Admitted, type ChangeFactsInput, type Committed } from './gate.ts'
import type { PlannedContent } from './plan-use.ts'
import { publishing } from './latest-aliases.ts'
import { publish } from './publication.ts'
import { checkUnzippedSize, configured, resolveLayers, subjectsOf } from './release-plan.ts'
import { checkSnapStart } from './snap-start.ts'
import { tagging, type Tags } from './tag-rules.ts'

export interface CreateFunctionInput {
  readonly functionName: string
  readonly code: CodeSource
  readonly configuration: ConfigurationInput
  readonly layers: readonly string[]
  readonly publish: boolean
  readonly tags: Tags
  readonly codeSigningConfigArn?: string | undefined
}

/** A version as it was written, and the decision that let it. */
export interface VersionChange {
  readonly version: VersionRecord
  readonly decisionId: string
}

/** What `read` found, for `commit` to write. */
interface Plan {
  readonly codeSigningConfigId: string | null
  /** What was protected of the tags of one that had this name. */
  readonly kept: Tags
  readonly latest: NewVersion & { readonly functionName: string }
}

/**
 * AWS: the function is Pending until its code is prepared; with `publish`, the answer is version 1.
 * @throws PlatformError RESOURCE_CONFLICT (it exists), CODE_SIGNING_CONFIG_NOT_FOUND, ACCESS_DENIED (a tag that a policy
 * reads, given by who may not tag), and what the gate throws
 */
export async function createFunction(
  deps: Deps,
  caller: Caller,
  input: CreateFunctionInput,
): Promise<VersionChange> {
  const name = locateUnqualified(deps.place, input.functionName)
  const functionId = newId('fn', deps.clock, deps.random)
  const digest = environmentDigest(deps)
  using code = await openCode(deps, input.code)
  let plan: Plan | undefined
  const { result, decision } = await govern(deps, caller, {
    action: 'lambda:CreateFunction',
    resource: functionArn(deps.place, name),
    raisesWorld: false,
    read: async (reader): Promise<ChangeFactsInput> => {
      plan = await planCreate(deps, reader, { input, name, functionId, code, digest })
      const { kept } = plan
      const resource = functionRef(name)
      await refuseProtectedTags(deps, reader, caller, { resource, tags: input.tags, kept })
      const { latest } = plan
      return {
        change: { from: null, to: latest.release },
        release: latest.release,
        subjects: subjectsOf(deps.place, latest, code.artifact),
        codeSigningConfigId: plan.codeSigningConfigId,
        ...configured(latest.configuration),
        alsoAsked: [
          ...(input.publish ? [publishing(deps.place, name)] : []),
          ...tagging(functionArn(deps.place, name), input.tags),
        ],
      }
    },
    planned: () => planOf(plan, input, digest),
    commit: async (tx, admitted, atMs) => {
      if (plan === undefined) throw new PlatformError('INTERNAL', 'a change was committed unread')
      return await writeCreate(deps, tx, { plan, admitted, atMs, input })
    },
  })
  return { version: result, decisionId: decision.id }
}

function planOf(
  plan: Plan | undefined,
  { publish: publishing, tags }: CreateFunctionInput,
  digest: (value: string) => string,
): PlannedContent {
  if (plan === undefined) throw new PlatformError('INTERNAL', 'a change was planned unread')
  const { latest, codeSigningConfigId: config } = plan
  return {
    content: {
      codeSha256: latest.codeSha256,
      configuration: digest(canonicalJson(latest.configuration as unknown as Json)),
      config,
      publish: publishing,
      tags: { ...tags },
    },
  }
}

async function planCreate(
  deps: Deps,
  reader: Reader,
  about: {
    readonly input: CreateFunctionInput
    readonly name: string
    readonly functionId: string
    readonly code: OpenedCode
    readonly digest: (value: string) => string
  },
): Promise<Plan> {
  const { input, name, functionId, code } = about
  await refuseExisting(reader, name)
  const layers = await resolveLayers(reader, deps.place, input.layers)
  checkUnzippedSize(code.identity, layers)
  await checkCodeStorage(deps, reader, code.identity.sizeBytes * (input.publish ? 2 : 1))
  const configuration = withConfiguration(defaultConfiguration(name), input.configuration)
  checkSnapStart(configuration)
  const release = releaseOf({ artifact: code.identity.sha256, layers, configuration }, about.digest)
  return {
    codeSigningConfigId: await attachableConfig(deps, reader, input.codeSigningConfigArn),
    kept: await findResourceTags(reader, functionArn(deps.place, name)),
    latest: {
      ...pendingStatus,
      id: newId('fv', deps.clock, deps.random),
      functionId,
      functionName: name,
      version: LATEST,
      configuration,
      codeSha256: code.identity.codeSha256,
      layers,
      release,
      decisionId: '',
      revisionId: deps.random.uuid(),
      lastModifiedMs: 0,
    },
  }
}

async function refuseExisting(reader: Reader, name: string): Promise<void> {
  if ((await findFunction(reader, name)) !== undefined)
    throw new PlatformError('RESOURCE_CONFLICT', `Function already exist: ${name}`)
}

async function attachableConfig(
  deps: Deps,
  reader: Reader,
  arn: string | undefined,
): Promise<string | null> {
  if (arn === undefined || arn === '') return null
  const id = codeSigningConfigId(deps.place, arn)
  const config = id === undefined ? undefined : await findCodeSigningConfig(reader, deps.place, id)
  if (config !== undefined) return config.id
  throw new PlatformError(
    'CODE_SIGNING_CONFIG_NOT_FOUND',
    `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${arn}.`,
  )
}

async function writeCreate(
  deps: Deps,
  tx: Writer,
  about: {
    readonly plan: Plan
    readonly admitted: Admitted
    readonly atMs: number
    readonly input: CreateFunctionInput
  },
): Promise<Committed<VersionRecord>> {
  const { plan, admitted, atMs, input } = about
  const { functionName: name, functionId } = plan.latest
  await refuseExisting(tx, name)
  const arn = functionArn(deps.place, name)
  if (canonicalJson(await findResourceTags(tx, arn)) !== canonicalJson(plan.kept))
    throw new RowsMoved()
  const touched: TouchedRow[] = []
  if (Object.keys(plan.kept).length > 0) touched.push(await setResourceTags(tx, arn, {}))
  for (const accepted of admitted.accepted)
    touched.push(...(await insertArtifact(tx, accepted, atMs)))
  const latest = { ...plan.latest, decisionId: admitted.decision.id, lastModifiedMs: atMs }
  touched.push(
    ...(await insertFunction(tx, {
      id: functionId,
      name,
      codeSigningConfigId: plan.codeSigningConfigId,
      serving: null,
      pending: latest.id,
      tags: { ...plan.kept, ...input.tags },
      createdAtMs: atMs,
    })),
    await insertVersion(tx, latest),
  )
  await enqueueActivation(deps, tx, latest.id, atMs)
  let answered = latest.id
  if (input.publish) {
    const { decisionId } = latest
    const published = await publish(deps, tx, { from: latest, decisionId, prepared: false, atMs })
    touched.push(...published.touched)
    answered = published.id
  }
  return { result: await getVersion(tx, answered), touched, functionNames: [name] }
}

/** A row this transaction wrote. */
export async function getVersion(reader: Reader, id: string): Promise<VersionRecord> {
  const version = await findVersionById(reader, id)
  if (version === undefined) throw new PlatformError('INTERNAL', 'a version just written is gone')
  return version
}
