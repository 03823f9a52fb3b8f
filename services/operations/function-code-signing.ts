import {
  codeSigningConfigId,
  findCodeSigningConfig,
  findSignedFunction,
  setFunctionCodeSigningConfig,
  type SignedFunction,
} from '../catalog/index.ts'
import { PlatformError, codeSigningConfigArn, functionArn, type Decision } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import type { Committed } from './change.ts'
import { functionNotFound, locateFunction } from './function-reference.ts'
import { govern } from './gate.ts'
import { trustChange } from './publishers.ts'

export interface FunctionCodeSigning {
  /** As asked: a name, a partial ARN or an ARN; as answered: the bare name. */
  readonly functionName: string
  readonly configArn: string
}

/**
 * AWS judges no code when a config is attached: what runs keeps running, and the next change is judged. The attachment
 * itself is a governed change (RULES P2).
 * @throws PlatformError CODE_SIGNING_CONFIG_NOT_FOUND (first), FUNCTION_NOT_FOUND
 */
export async function putFunctionCodeSigningConfig(
  deps: Deps,
  caller: Caller,
  asked: FunctionCodeSigning,
): Promise<{ result: FunctionCodeSigning; decision: Decision }> {
  const input = { ...asked, functionName: nameOf(deps, asked.functionName) }
  const look = async (reader: Reader): Promise<{ owner: SignedFunction; configId: string }> => {
    // Recorded: with neither there, AWS names the config.
    const configId = await attachable(deps, reader, input.configArn)
    return { owner: await getFunction(deps, reader, input.functionName), configId }
  }
  return await govern(deps, caller, {
    action: 'lambda:PutFunctionCodeSigningConfig',
    resource: functionArn(deps.place, input.functionName),
    raisesWorld: true,
    read: async (reader) => {
      const { owner } = await look(reader)
      return trustChange(attachedArn(deps, owner), input.configArn)
    },
    commit: async (tx): Promise<Committed<FunctionCodeSigning>> => {
      const { owner, configId } = await look(tx)
      await setFunctionCodeSigningConfig(tx, owner.id, configId)
      return { result: input, touched: [{ table: 'function', key: { id: owner.id } }] }
    },
    note: () => ({ config: input.configArn }),
  })
}

/**
 * `undefined` where none is attached.
 * @throws PlatformError FUNCTION_NOT_FOUND
 */
export async function getFunctionCodeSigningConfig(
  deps: Deps,
  asked: string,
): Promise<FunctionCodeSigning | undefined> {
  const functionName = nameOf(deps, asked)
  const owner = await getFunction(deps, deps.store.reader, functionName)
  const configArn = attachedArn(deps, owner)
  return configArn === null ? undefined : { functionName, configArn }
}

/**
 * Detaching what is not attached changes nothing and asks nobody (AWS: 204).
 * @throws PlatformError FUNCTION_NOT_FOUND
 */
export async function deleteFunctionCodeSigningConfig(
  deps: Deps,
  caller: Caller,
  asked: string,
): Promise<{ decision?: Decision }> {
  const attached = await getFunctionCodeSigningConfig(deps, asked)
  if (attached === undefined) return {}
  const { functionName } = attached
  return await govern(deps, caller, {
    action: 'lambda:DeleteFunctionCodeSigningConfig',
    resource: functionArn(deps.place, functionName),
    raisesWorld: true,
    read: async (reader) => {
      const owner = await getFunction(deps, reader, functionName)
      return trustChange(attachedArn(deps, owner), null)
    },
    commit: async (tx): Promise<Committed<undefined>> => {
      const owner = await getFunction(deps, tx, functionName)
      await setFunctionCodeSigningConfig(tx, owner.id, null)
      return { result: undefined, touched: [{ table: 'function', key: { id: owner.id } }] }
    },
    note: () => ({ config: attached.configArn }),
  })
}

async function attachable(deps: Deps, reader: Reader, arn: string): Promise<string> {
  const id = codeSigningConfigId(deps.place, arn)
  const config = id === undefined ? undefined : await findCodeSigningConfig(reader, deps.place, id)
  if (config !== undefined) return config.id
  throw new PlatformError(
    'CODE_SIGNING_CONFIG_NOT_FOUND',
    `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${arn}.`,
  )
}

/** A name, a partial ARN or an ARN; a config belongs to the function, whatever the qualifier. */
function nameOf(deps: Deps, functionName: string): string {
  return locateFunction(deps.place, { functionName }).name
}

async function getFunction(deps: Deps, reader: Reader, name: string): Promise<SignedFunction> {
  const owner = await findSignedFunction(reader, name)
  if (owner !== undefined) return owner
  throw functionNotFound(deps.place, name)
}

function attachedArn(deps: Deps, owner: SignedFunction): string | null {
  const id = owner.codeSigningConfigId
  return id === null ? null : codeSigningConfigArn(deps.place, id)
}
