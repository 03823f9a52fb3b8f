import type { Json } from '../model/index.ts'
import type { EvidenceReport } from './report.ts'

/** Controls, bidi and other format characters and separators: what could make a page show something else (RULES §10). */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Text as a page shows it: nothing in it is markup, and nothing in it is invisible. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll(UNSAFE, (char) =>
      Array.from(char, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`).join(''),
    )
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

const STYLE = `:root{color-scheme:light dark;--line:#8886;--soft:#8882;--deny:#b00020;--warn:#8a5a00;--ok:#1a7f37}
@media (prefers-color-scheme:dark){:root{--deny:#ff7b8a;--warn:#e3b341;--ok:#56d364}}
body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid var(--line)}
table{border-collapse:collapse;width:100%;font-size:.85rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{background:var(--soft)}code{font-family:ui-monospace,monospace;font-size:.9em}
.deny{color:var(--deny);font-weight:600}.warn{color:var(--warn);font-weight:600}.allow{color:var(--ok)}
@media print{:root{color-scheme:light}body{max-width:none;margin:0;font-size:10pt}tr,li{break-inside:avoid}h2{break-after:avoid}}`

/** The report as one page: no script, nothing fetched, every text escaped. */
export function renderReport(report: EvidenceReport): string {
  const { arn, from, to, log, entries } = report
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width">
<title>Evidence: ${escapeHtml(arn)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Evidence: what was live in ${escapeHtml(arn)}</h1>
${table(['', ''], [
  ['window', `${from} up to, without, ${to}`],
  ['log', log.origin],
  ['checkpoint', `${log.size} entries, root ${log.root}`],
  ['log key', log.verifierKey],
  ['cosigners named, not verified here', log.cosigners.join(', ') || 'nobody'],
  ['entries held', `${entries.first} up to, without, ${entries.end} (${entries.mode}); about this alias: ${entries.own}`],
])}
<p>This page says nothing by itself: <code>lacre evidence verify</code> makes it again from the rest of the archive and compares.</p>
${report.ledgers === undefined ? '' : section('Ledgers', report.ledgers as unknown as readonly Json[])}<h2>What this proves, and what not</h2>
<ul>
${report.statements.map((one) => `<li>${escapeHtml(one)}</li>`).join('\n')}
</ul>
<h2>Live</h2>
${table(
  ['from', 'to', 'slot', 'version', 'weight', 'code SHA-256', 'layers', 'decision', 'entries'],
  report.intervals.map((one) => [
    one.from, one.to ?? 'goes on', one.slot, one.version, String(one.weight), one.codeSha256,
    one.layers.join('\n'), one.decisionId, `${one.fromIndex} – ${one.toIndex ?? ''}`,
  ]),
)}
<h2>Decisions</h2>
${decisions(report)}
<h2>What the service did by itself, and other events</h2>
${table(
  ['entry', 'at', 'type', 'action', 'resource', 'who'],
  report.events.map((one) => [
    String(one.index), one.at, one.type, one.action, one.resource, one.principal,
  ]),
)}
${section('Policy sets', report.policySets)}
${section('Publishers', report.publishers)}
${section('Revocations', report.revocations)}
${section('Approvals', report.approvals)}
${section('Break-glass', report.breakGlass)}
</body>
</html>
` // prettier-ignore
}

function decisions(report: EvidenceReport): string {
  if (report.decisions.length === 0) return '<p>none</p>'
  const rows = report.decisions.map((one) => {
    const why = one.notPassed.map(
      ({ rule, subject, status, expected, got }) =>
        `${status}: ${rule} of ${subject}: expected ${expected}, got ${got}`,
    )
    const by = [
      ...one.seals.map((seal) => `sealed by ${seal.signer} (${seal.publisher})`),
      ...one.approvers.map((approver) => `approved by ${approver}`),
      ...one.exceptions.map((exception) => `under exception ${exception}`),
    ]
    const outcome = `<td class="${escapeHtml(one.outcome)}">${escapeHtml(one.outcome)}</td>`
    const cells = [String(one.index), one.at, one.action, one.resource, one.principal]
    const more = [one.policySet, [...why, ...by].join('\n'), one.id]
    return `<tr>${outcome}${cells.map(td).join('')}${more.map(td).join('')}</tr>`
  })
  const headers = ['', 'entry', 'at', 'action', 'resource', 'who', 'policy set', 'why', 'decision']
  return `<table>${headerOf(headers)}${rows.join('\n')}</table>`
}

function section(title: string, lines: readonly Json[]): string {
  const objects = lines as readonly Readonly<Record<string, Json>>[]
  const columns = Object.keys(objects[0] ?? {})
  const rows = objects.map((line) => columns.map((column) => textOf(line[column] ?? null)))
  return `<h2>${escapeHtml(title)}</h2>\n${table(columns, rows)}`
}

function textOf(value: Json): string {
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '<p>none</p>'
  const lines = rows.map((cells) => `<tr>${cells.map(td).join('')}</tr>`)
  return `<table>${headers.some(Boolean) ? headerOf(headers) : ''}${lines.join('\n')}</table>`
}

function headerOf(headers: readonly string[]): string {
  return `<tr>${headers.map((header) => `<th scope="col">${escapeHtml(header)}</th>`).join('')}</tr>\n`
}

function td(text: string): string {
  return `<td>${text.split('\n').map(escapeHtml).join('<br>')}</td>`
}
