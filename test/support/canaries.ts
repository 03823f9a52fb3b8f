import { randomBytes } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

import Database from 'better-sqlite3'

/** A secret that is like nothing else, and the places where it may stand. */
export interface Canary {
  readonly name: string
  readonly value: string
  readonly mayStand: RegExp
  readonly needles: readonly Buffer[]
}

const NOWHERE = /(?!)/

/**
 * Secrets with their places. Every text or file that is shown to `look` is searched for each of them: as it is, in base64 at
 * every offset, and in hex.
 */
export class Canaries {
  readonly #all: Canary[] = []
  readonly #found = new Set<string>()
  /** How many places were looked at. */
  looked = 0

  /** 33 letters and digits, so that no encoding of text changes it; or the secret that somebody else made. */
  make(name: string, mayStand: RegExp = NOWHERE, value = `Canary${randomText()}`): string {
    this.#all.push({ name, value, mayStand, needles: needlesOf(value) })
    return value
  }

  /** `canary in place`, once each, since this was last asked. */
  take(): string[] {
    const found = [...this.#found]
    this.#found.clear()
    return found
  }

  look(place: string, content: string | Uint8Array): void {
    this.looked += 1
    const bytes = Buffer.from(content)
    for (const { name, mayStand, needles } of this.#all) {
      if (mayStand.test(place)) continue
      if (needles.some((needle) => bytes.includes(needle))) this.#found.add(`${name} in ${place}`)
    }
  }

  /**
   * Every file of a data directory as `file NAME`, and every column of its databases as `row NAME table.column`. A canary
   * that may stand in no column may not stand in the file's bytes either: what was deleted stays there for a while.
   */
  lookInDirectory(dir: string): void {
    for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      const name = relative(dir, path)
      this.look(`file ${name}`, readFileSync(path))
      if (name.endsWith('.db')) this.#lookInDatabase(name, path)
    }
  }

  #lookInDatabase(name: string, path: string): void {
    const db = new Database(path, { readonly: true, fileMustExist: true })
    try {
      const tables = db.prepare(`select name from sqlite_master where type = 'table'`).pluck().all()
      for (const table of tables) {
        for (const row of db.prepare(`select * from "${String(table)}"`).all()) {
          for (const [column, value] of Object.entries(row as Record<string, unknown>)) {
            if (typeof value === 'string' || value instanceof Uint8Array)
              this.look(`row ${name} ${String(table)}.${column}`, value)
          }
        }
      }
    } finally {
      db.close()
    }
  }
}

/** Of every process that there is what `ps` shows of it: anybody on the machine may read that. */
export function lookAtCommandLines(canaries: Canaries): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      canaries.look('a command line', readFileSync(`/proc/${pid}/cmdline`))
    } catch {
      // It has ended.
    }
  }
}

function randomText(): string {
  return randomBytes(24).toString('hex').slice(0, 27)
}

/** At each of three offsets base64 has letters of its own; those at the ends depend on what stands beside. */
function needlesOf(value: string): Buffer[] {
  const bytes = Buffer.from(value)
  const based = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
    return text
      .slice(offset === 0 ? 0 : offset + 1)
      .replace(/=+$/, '')
      .slice(0, -2)
  })
  const urls = based.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  const texts = [value, bytes.toString('hex'), ...based, ...urls]
  return [...new Set(texts)].map((text) => Buffer.from(text))
}
