import { PlatformError } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'

const SETTING = 'place'

/** Where clients reach the authority, as it was last started. */
export interface AuthorityPlace {
  readonly url: string
  /** Issuers at which people log in. */
  readonly loginIssuers: readonly string[]
}

export async function writePlace(tx: Writer, place: AuthorityPlace): Promise<void> {
  const value = JSON.stringify(place)
  await tx
    .insertInto('setting')
    .values({ name: SETTING, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
}

/** @throws PlatformError CONFIGURATION */
export async function readPlace(reader: Reader): Promise<AuthorityPlace> {
  const row = await reader
    .selectFrom('setting')
    .select('value')
    .where('name', '=', SETTING)
    .executeTakeFirst()
  if (row === undefined)
    throw new PlatformError('CONFIGURATION', 'the authority has not been started yet')
  return JSON.parse(row.value) as AuthorityPlace
}
