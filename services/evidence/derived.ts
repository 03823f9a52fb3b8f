import type { PublisherDocument } from '../model/index.ts'
import { cell, type EvidenceContents } from './contents.ts'
import { PATHS } from './manifest.ts'
import { readmeOf } from './readme.ts'
import { buildReport, formatReport } from './report.ts'
import { renderReport } from './report-html.ts'
import { DSSE_SCRIPT, INCLUSION_SCRIPT } from './scripts.ts'

/**
 * Every file that follows from the others: what people read and what other tools take. Made by the export, and made again
 * by verification, byte for byte.
 */
export function derivedFiles(contents: EvidenceContents): Map<string, string> {
  const report = buildReport(contents)
  return new Map([
    ['inclusion.sh', INCLUSION_SCRIPT],
    ['dsse.sh', DSSE_SCRIPT],
    ...policyFiles(contents),
    ...publisherFiles(contents),
    [PATHS.readme, readmeOf(contents)],
    [PATHS.reportJson, formatReport(report)],
    [PATHS.reportHtml, renderReport(report)],
  ])
}

/** The files of a set by their place in it: their own names are somebody's text. */
function policyFiles({ sets }: EvidenceContents): [string, string][] {
  return [...sets].flatMap(([version, { source }]) =>
    source.files.map(({ text }, at): [string, string] => [
      `policies/${version}/${at + 1}.cedar`,
      text,
    ]),
  )
}

function publisherFiles({ rows }: EvidenceContents): [string, string][] {
  const names = new Map(
    rows
      .filter(({ table }) => table === 'publisher')
      .map(({ row }) => [cell(row, 'id'), cell(row, 'name')]),
  )
  return rows
    .filter(({ table }) => table === 'publisher_version')
    .flatMap(({ row }): [string, string][] => {
      const owner = names.get(cell(row, 'publisher_id')) ?? cell(row, 'publisher_id')
      const base = `publishers/${owner}-${cell(row, 'version')}`
      const document = cell(row, 'document')
      return [[`${base}.json`, document], ...materialOf(base, document)]
    })
}

function materialOf(base: string, text: string): [string, string][] {
  const document = JSON.parse(text) as PublisherDocument
  const pems = pemsOf(document).map((pem, at): [string, string] => [`${base}-${at + 1}.pem`, pem])
  const root = document.trustedRoot
  return root === undefined ? pems : [...pems, [`${base}-trusted-root.json`, root]]
}

function pemsOf(document: PublisherDocument): readonly string[] {
  switch (document.kind) {
    case 'key':
      return document.keys.map(({ publicKeyPem }) => publicKeyPem)
    case 'managed':
      return [document.publicKeyPem]
    case 'x509':
      return [...document.rootsPem, ...document.intermediatesPem]
    case 'oidc':
      return []
  }
}
