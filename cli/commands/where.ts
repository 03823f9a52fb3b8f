import { Option, type Command } from 'commander'

import type { Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  decided,
  everyPage,
  objects,
  place,
  seals,
  span,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
  type Service,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

const KINDS = ['digest', 'publisher', 'layer', 'package'] as const
type Kind = (typeof KINDS)[number]

const HEADERS = ['function', 'qualifier', 'version', 'from .. to', 'seals', 'decision', 'found by']

export const command: CommandModule = {
  name: 'where',
  summary: 'where a digest, publisher, layer or package is live, or was',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(
      command.argument('<thing>', 'SHA-256, CodeSha256, publisher, layer, package URL or NAME[@VERSION]'),
    )
      .addOption(new Option('--kind <kind>', 'what it is, where its form does not tell').choices(KINDS))
      .option('--live', 'only where it is live now')
      .addHelpText(
        'after',
        `
A bare name is looked for as a publisher, a layer and a package. Packages are those that attested SBOMs name.

Examples:
  lacre where 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  lacre where pkg:npm/lodash@4.17.20 --live
  lacre where tools:3 --kind layer --json`,
      )
      .action(async (thing: string, options: WhereOptions) => {
        const service = connect(options, environment)
        const found: { kind: Kind; answer: JsonObject; rows: readonly JsonObject[] }[] = []
        for (const kind of options.kind === undefined ? kindsOf(thing) : [options.kind])
          found.push({ kind, ...(await look(service, { kind, thing, live: options.live === true })) })
        const table = textTable(
          HEADERS,
          found.flatMap(({ kind, rows }) => rows.map((row) => toCells(row, kind))), terminal.columns)
        const none = found.every(({ rows }) => rows.length === 0)
        terminal.result(
          { found: found.map(({ answer }) => answer) as Json },
          none ? 'nowhere, now or before' : table,
        )
      }) // prettier-ignore
  },
}

type WhereOptions = ConnectionOptions & { readonly kind?: Kind; readonly live?: boolean }

async function look(
  service: Service,
  { kind, thing, live }: { readonly kind: Kind; readonly thing: string; readonly live: boolean },
): Promise<{ readonly answer: JsonObject; readonly rows: readonly JsonObject[] }> {
  const { answer, items } = await everyPage(service, '/api/v1/history/where', {
    query: { kind, value: thing, live: live ? 'true' : undefined },
    list: 'sightings',
  })
  return { answer, rows: items }
}

/** What a thing of this form may be. */
function kindsOf(thing: string): readonly Kind[] {
  if (/^(?:sha256:)?[0-9a-fA-F]{64}$|^[A-Za-z0-9+/]{43}=$/.test(thing)) return ['digest']
  if (/^arn:[^:]*:signer:/.test(thing)) return ['publisher']
  if (thing.startsWith('arn:')) return ['layer']
  if (/^\w{2,64}$/.test(thing)) return ['publisher', 'layer', 'package']
  return /^[\w-]{1,140}(?::\d+)?$/.test(thing) ? ['layer', 'package'] : ['package']
}

function toCells(row: JsonObject, kind: Kind): string[] {
  return [
    text(row, 'functionName'),
    place(row),
    text(row, 'version'),
    span(row),
    seals(row),
    decided(row['decision']),
    kind === 'package' ? packages(row) : kind,
  ]
}

function packages(row: JsonObject): string {
  if (!Array.isArray(row['packages'])) return 'package'
  return objects(row, 'packages')
    .map((one) => {
      const named = text(one, 'purl') === '' ? text(one, 'version') : text(one, 'purl')
      return one['counted'] === true ? named : `${named} (an SBOM that did not count then)`
    })
    .join(', ')
}
