import { readFileSync } from 'node:fs'

import { sha256 } from '../../model/index.ts'

/** What pages load, by name; nothing else is served. */
const FILES = {
  'console.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
  'copy.js': 'text/javascript; charset=utf-8',
  'follow.js': 'text/javascript; charset=utf-8',
  'proof.js': 'text/javascript; charset=utf-8',
} as const
export type AssetName = keyof typeof FILES

export interface Asset {
  readonly body: Buffer
  readonly type: string
}

/** The files beside this module, each under a name that holds its digest: what is cached for ever must not change. */
export class Assets {
  readonly #byUrlName = new Map<string, Asset>()
  readonly #urls = new Map<string, string>()

  constructor() {
    for (const [name, type] of Object.entries(FILES)) {
      const body = readFileSync(new URL(`static/${name}`, import.meta.url))
      const [stem = '', ending = ''] = name.split('.')
      const urlName = `${stem}.${sha256(body).slice(0, 16)}.${ending}`
      this.#byUrlName.set(urlName, { body, type })
      this.#urls.set(name, `/console/static/${urlName}`)
    }
  }

  url(name: AssetName): string {
    return this.#urls.get(name) ?? ''
  }

  find(urlName: string): Asset | undefined {
    return this.#byUrlName.get(urlName)
  }
}
