import { listAliases, type FunctionRecord } from '../catalog/index.ts'
import { LATEST, functionArn, type Place, type Sha256 } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { ChangeFactsInput } from './change.ts'

/** What a new state of `$LATEST` is besides an upload. */
export interface Besides extends Pick<ChangeFactsInput, 'moves' | 'alsoAsked'> {
  /** Aliases that it activates, by name: compared again in the transaction. */
  readonly aliases: readonly string[]
}

/**
 * An upload is asked under every name that it has: a version that it publishes is a PublishVersion, an alias that points to
 * `$LATEST` is moved by it.
 */
export async function besidesUpload(
  reader: Reader,
  place: Place,
  upload: {
    readonly owner: FunctionRecord
    readonly release: Sha256
    readonly publish: boolean
  },
): Promise<Besides> {
  const { owner, release, publish } = upload
  const aliases = await aliasesOfLatest(reader, owner.id)
  const subject = functionArn(place, owner.name, LATEST)
  return {
    aliases,
    moves: aliases.map((alias) => ({
      functionName: owner.name,
      alias,
      shares: [{ subject, release, share: 1 }],
    })),
    alsoAsked: [
      ...(publish ? [publishing(place, owner.name)] : []),
      ...aliases.map((alias) => ({
        action: 'lambda:UpdateAlias',
        resource: functionArn(place, owner.name, alias),
      })),
    ],
  }
}

export function publishing(place: Place, name: string) {
  return { action: 'lambda:PublishVersion', resource: functionArn(place, name) }
}

export async function aliasesOfLatest(reader: Reader, functionId: string): Promise<string[]> {
  const aliases = await listAliases(reader, functionId, { version: LATEST })
  return aliases.map(({ name }) => name)
}
