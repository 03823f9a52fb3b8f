import {
  findCodeSigningConfig,
  findSigningRequirements,
  putSigningRequirements as putRow,
} from '../catalog/index.ts'
import {
  PlatformError,
  codeSigningConfigArn,
  limits,
  type Decision,
  type SigningRequirements,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { configNotFound } from './code-signing-configs.ts'
import type { Caller, Deps } from './context.ts'
import { govern } from './gate.ts'
import { trustChange } from './publishers.ts'

/** What AWS's shape means: one signer of one publisher. */
const ONE: SigningRequirements = { minSigners: 1, minPublishers: 1 }

/**
 * How many distinct signers, of how many distinct publishers, a code signing config demands: judged with it, under
 * Enforce and Warn, at every change that it judges.
 * @throws PlatformError RESOURCE_NOT_FOUND, INVALID_PARAMETER
 */
export async function putSigningRequirements(
  deps: Deps,
  caller: Caller,
  input: SigningRequirements & { readonly configId: string },
): Promise<{ readonly result: SigningRequirements; readonly decision: Decision }> {
  const { configId, minSigners, minPublishers } = input
  if (minPublishers > minSigners || minSigners > limits.ALLOWED_PUBLISHERS_LIMIT)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`minSigners\` is at most ${limits.ALLOWED_PUBLISHERS_LIMIT}, \`minPublishers\` at most \`minSigners\`: no signer stands for two publishers`,
    )
  return await govern(deps, caller, {
    action: 'lacre:PutSigningRequirements',
    resource: codeSigningConfigArn(deps.place, configId),
    raisesWorld: true,
    read: async (reader) => {
      const before = await demanded(deps, reader, configId)
      return trustChange(worded(before), worded(input))
    },
    commit: async (tx, _admitted, atMs) => {
      await demanded(deps, tx, configId)
      const touched = [await putRow(tx, configId, { minSigners, minPublishers, atMs })]
      return { result: { minSigners, minPublishers }, touched }
    },
    note: () => ({ minSigners, minPublishers }),
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function getSigningRequirements(
  deps: Deps,
  configId: string,
): Promise<SigningRequirements> {
  return await deps.store.snapshot((reader) => demanded(deps, reader, configId))
}

async function demanded(deps: Deps, reader: Reader, id: string): Promise<SigningRequirements> {
  const config = await findCodeSigningConfig(reader, deps.place, id)
  if (config === undefined) throw configNotFound(codeSigningConfigArn(deps.place, id))
  return (await findSigningRequirements(reader, id)) ?? ONE
}

function worded({ minSigners, minPublishers }: SigningRequirements): string {
  return `${minSigners} signers of ${minPublishers} publishers`
}
