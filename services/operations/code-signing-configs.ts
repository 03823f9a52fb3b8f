import {
  codeSigningConfigId,
  deleteCodeSigningConfig as deleteConfigRow,
  deleteSigningRequirements,
  findCodeSigningConfig,
  insertCodeSigningConfig,
  listCodeSigningConfigs as selectConfigs,
  listFunctionsByCodeSigningConfig as selectFunctions,
  resolveAllowedPublishers,
  updateCodeSigningConfig as updateConfigRow,
  type CodeSigningConfig,
  type SigningPolicy,
} from '../catalog/index.ts'
import {
  PlatformError,
  codeSigningConfigArn,
  newCodeSigningConfigId,
  refOfArn,
  type Decision,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { refuseProtectedTags } from './access/protected-tags.ts'
import type { Caller, Deps } from './context.ts'
import type { Committed } from './change.ts'
import { govern } from './gate.ts'
import { trustChange } from './publishers.ts'
import { tagging } from './tag-rules.ts'

/** What a request may set; members not given stay as they are. */
export interface CodeSigningConfigSettings {
  readonly description?: string | undefined
  readonly publisherArns?: readonly string[] | undefined
  readonly policy?: SigningPolicy | undefined
}

export interface CodeSigningConfigChange {
  readonly result: CodeSigningConfig
  /** Left out where nothing was to change. */
  readonly decision?: Decision
}

export interface Page {
  /** Answer after this one: the NextMarker of the page before. */
  readonly marker: string | undefined
  readonly limit: number
}

/** AWS (recorded): a config that is not there, asked for by its ARN. */
export function configNotFound(arn: string): PlatformError {
  return new PlatformError(
    'RESOURCE_NOT_FOUND',
    `The Lambda code signing configuration ${arn} can not be found.`,
  )
}

export async function createCodeSigningConfig(
  deps: Deps,
  caller: Caller,
  input: CodeSigningConfigSettings & {
    readonly publisherArns: readonly string[]
    readonly tags: Readonly<Record<string, string>>
  },
): Promise<CodeSigningConfigChange> {
  const id = newCodeSigningConfigId(deps.random)
  const arn = codeSigningConfigArn(deps.place, id)
  return await govern(deps, caller, {
    action: 'lambda:CreateCodeSigningConfig',
    resource: arn,
    raisesWorld: true,
    read: async (reader) => {
      const { tags } = input
      await refuseProtectedTags(deps, reader, caller, { resource: refOfArn(arn), tags })
      return { ...trustChange(null, arn), alsoAsked: tagging(arn, tags) }
    },
    commit: async (tx, _admitted, atMs): Promise<Committed<CodeSigningConfig>> => {
      await insertCodeSigningConfig(tx, {
        id,
        description: input.description ?? '',
        // SIGNING.md C.2: AWS's default is Warn.
        policy: input.policy ?? 'Warn',
        publishers: await resolveAllowedPublishers(tx, deps.place, input.publisherArns),
        tags: input.tags,
        lastModifiedMs: atMs,
      })
      return { result: await getConfig(deps, tx, arn), touched: [configRow(id)] }
    },
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function getCodeSigningConfig(deps: Deps, arn: string): Promise<CodeSigningConfig> {
  return await getConfig(deps, deps.store.reader, arn)
}

/**
 * Publishers are resolved again only where the request names them: a new description alone must not widen what is
 * trusted (RULES §4). A request that sets nothing answers the config as it is.
 * @throws PlatformError RESOURCE_NOT_FOUND
 */
export async function updateCodeSigningConfig(
  deps: Deps,
  caller: Caller,
  input: CodeSigningConfigSettings & { readonly arn: string },
): Promise<CodeSigningConfigChange> {
  const { description, publisherArns, policy } = input
  if (description === undefined && publisherArns === undefined && policy === undefined) {
    return { result: await getCodeSigningConfig(deps, input.arn) }
  }
  return await govern(deps, caller, {
    action: 'lambda:UpdateCodeSigningConfig',
    resource: input.arn,
    raisesWorld: true,
    read: async (reader) => {
      const config = await getConfig(deps, reader, input.arn)
      return trustChange(config.policy, policy ?? config.policy)
    },
    commit: async (tx, _admitted, atMs): Promise<Committed<CodeSigningConfig>> => {
      const config = await getConfig(deps, tx, input.arn)
      await updateConfigRow(tx, {
        ...config,
        description: description ?? config.description,
        policy: policy ?? config.policy,
        publishers:
          publisherArns === undefined
            ? config.publishers
            : await resolveAllowedPublishers(tx, deps.place, publisherArns),
        lastModifiedMs: atMs,
      })
      return { result: await getConfig(deps, tx, input.arn), touched: [configRow(config.id)] }
    },
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (a function has it) */
export async function deleteCodeSigningConfig(
  deps: Deps,
  caller: Caller,
  arn: string,
): Promise<{ result: undefined; decision: Decision }> {
  const unused = async (reader: Reader): Promise<CodeSigningConfig> => {
    const config = await getConfig(deps, reader, arn)
    const page = { id: config.id, after: undefined, limit: 1 }
    if ((await selectFunctions(reader, deps.place, page)).length === 0) return config
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      `The code signing configuration ${arn} is attached to at least one function. Remove it from all functions before deleting it.`,
    )
  }
  return await govern(deps, caller, {
    action: 'lambda:DeleteCodeSigningConfig',
    resource: arn,
    raisesWorld: true,
    read: async (reader) => {
      await unused(reader)
      return trustChange(arn, null)
    },
    commit: async (tx): Promise<Committed<undefined>> => {
      const { id } = await unused(tx)
      const demanded = await deleteSigningRequirements(tx, id)
      await deleteConfigRow(tx, id)
      return { result: undefined, touched: [...demanded, configRow(id)] }
    },
  })
}

export async function listCodeSigningConfigs(
  deps: Deps,
  page: Page,
): Promise<{ configs: CodeSigningConfig[]; next: string | undefined }> {
  const found = await selectConfigs(deps.store.reader, deps.place, {
    after: page.marker,
    limit: page.limit + 1,
  })
  const configs = found.slice(0, page.limit)
  return { configs, next: found.length > page.limit ? configs.at(-1)?.id : undefined }
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function listFunctionsByCodeSigningConfig(
  deps: Deps,
  input: Page & { readonly arn: string },
): Promise<{ arns: string[]; next: string | undefined }> {
  return await deps.store.snapshot(async (reader) => {
    const { id } = await getConfig(deps, reader, input.arn)
    const page = { id, after: input.marker, limit: input.limit + 1 }
    const found = await selectFunctions(reader, deps.place, page)
    const functions = found.slice(0, input.limit)
    return {
      arns: functions.map((one) => one.arn),
      next: found.length > input.limit ? functions.at(-1)?.name : undefined,
    }
  })
}

async function getConfig(deps: Deps, reader: Reader, arn: string): Promise<CodeSigningConfig> {
  const id = codeSigningConfigId(deps.place, arn)
  const config = id === undefined ? undefined : await findCodeSigningConfig(reader, deps.place, id)
  if (config === undefined) throw configNotFound(arn)
  return config
}

function configRow(id: string) {
  return { table: 'code_signing_config' as const, key: { id } }
}
