import { sql } from 'kysely'

import type { Reader } from '../store/index.ts'

/**
 * Functions, and the bytes of packages as uploaded: `$LATEST`, every published version and every layer version count
 * theirs (recorded: a configuration's change adds nothing, publishing it does).
 */
export async function sumCodeUsage(
  reader: Reader,
): Promise<{ readonly functionCount: number; readonly bytes: number }> {
  const { rows } = await sql<{ functions: number; versions: number | null; layers: number | null }>`
    select
      (select count(*) from "function") as functions,
      (select sum(artifact.size_bytes)
        from function_version
        join "function" on "function".id = function_version.function_id
        join artifact on artifact.code_sha256 = function_version.code_sha256
        where function_version.version <> '$LATEST'
          or function_version.id = coalesce("function".pending, "function".serving)) as versions,
      (select sum(artifact.size_bytes)
        from layer_version
        join artifact on artifact.code_sha256 = layer_version.code_sha256
        where layer_version.deleted_at is null) as layers`.execute(reader)
  const [row] = rows
  return {
    functionCount: row?.functions ?? 0,
    bytes: (row?.versions ?? 0) + (row?.layers ?? 0),
  }
}
