import type { Reader, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

type Tags = Readonly<Record<string, string>>

/** Tags of a resource that has no column for them; none where none were ever set. */
export async function findResourceTags(reader: Reader, arn: string): Promise<Tags> {
  const row = await reader
    .selectFrom('resource_tags')
    .select('tags')
    .where('resource', '=', arn)
    .executeTakeFirst()
  return row === undefined ? {} : (JSON.parse(row.tags) as Tags)
}

/** All of them; with none left the row goes. */
export async function setResourceTags(tx: Writer, arn: string, tags: Tags): Promise<TouchedRow> {
  const text = JSON.stringify(tags)
  if (text === '{}') {
    await tx.deleteFrom('resource_tags').where('resource', '=', arn).execute()
  } else {
    await tx
      .insertInto('resource_tags')
      .values({ resource: arn, tags: text })
      .onConflict((conflict) => conflict.column('resource').doUpdateSet({ tags: text }))
      .execute()
  }
  return { table: 'resource_tags', key: { resource: arn } }
}
