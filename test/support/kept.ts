import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import Database from 'better-sqlite3'

import type { AdminFile } from './client.ts'
import { liveTable } from './governance.ts'

/** What a refusal must leave as it is: blobs, artifacts, versions, aliases, layers, and what is live. */
export async function keptThings(data: string, admin: AdminFile): Promise<unknown> {
  const db = new Database(join(data, 'lacre.db'), { readonly: true })
  try {
    const tables = ['artifact', 'function', 'function_version', 'alias', 'layer_version']
    const rows = tables.map((table) => db.prepare(`select * from "${table}"`).all())
    // How it stands is judged again by itself.
    const live = (await liveTable(admin)).map((row) => ({ ...row, compliance: null }))
    return { blobs: blobNames(data), rows, live }
  } finally {
    db.close()
  }
}

/** Every file below `blobs` and `staging`. */
export function blobNames(data: string): string[] {
  return ['blobs', 'staging']
    .flatMap((folder) => {
      const path = join(data, folder)
      return readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(data.length + 1))
    })
    .toSorted()
}
