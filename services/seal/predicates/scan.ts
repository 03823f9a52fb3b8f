import type { Json } from '../../model/index.ts'
import { toObject, type Members } from '../members.ts'
import type { ScanClaim, Severity, Vulnerability } from './claim.ts'
import { listOf, objectOf, objectOrNothing, optional, optionalText, requiredText } from './read.ts'

/** Findings of one report that are read; a report with more is refused. */
const FINDINGS_LIMIT = 20_000
const TARGETS_LIMIT = 2_000
const SCORES_LIMIT = 100

/**
 * cosign's `vuln/v1` and in-toto's `vulns/v0.1` and `v0.2`: metadata around what a scanner said. The results are in-toto's
 * list, or the JSON of Trivy or Grype; any other form leaves the counts unknown. @throws PlatformError INVALID_SEAL
 */
export function parseScan(predicate: Json): ScanClaim {
  const members = toObject(predicate, 'the scan')
  const scanner = toObject(members['scanner'], '`scanner`')
  return {
    kind: 'scan',
    scanner: optionalText(scanner, 'uri', 'the scanner') ?? '',
    vulnerabilities: readResult(scanner['result']),
  }
}

function readResult(result: Json | undefined): readonly Vulnerability[] | undefined {
  if (Array.isArray(result))
    return once(listOf(result, 'the results', FINDINGS_LIMIT).map((item) => inTotoFinding(item)))
  const report = objectOrNothing(result)
  if (report === undefined) return undefined
  if (Array.isArray(report['matches']))
    return once(listOf(report['matches'], '`matches`', FINDINGS_LIMIT).map(grypeMatch))
  const { Results: targets, SchemaVersion: version } = report
  // Trivy leaves `Results` out where it looked at nothing that can have any.
  if (Array.isArray(targets) || (targets === undefined && typeof version === 'number'))
    return once(trivyFindings(targets))
  return undefined
}

/** in-toto's page shows the members directly and describes them inside `vulnerability`: both are met. */
function inTotoFinding(item: Json): Vulnerability {
  const finding = toObject(item, 'a result')
  const inner = objectOrNothing(finding['vulnerability']) ?? finding
  const scores = listOf(inner['severity'], '`severity`', SCORES_LIMIT).map((one) =>
    toObject(one, 'a severity'),
  )
  return {
    id: requiredText(inner, 'id', 'a result'),
    severity: worst(scores.map(({ score }) => toSeverity(score))),
    ...optional('purl', optionalText(finding, 'purl', 'a result')),
  }
}

function trivyFindings(targets: Json | undefined): readonly Vulnerability[] {
  const found: Vulnerability[] = []
  for (const target of listOf(targets, '`Results`', TARGETS_LIMIT)) {
    const { Vulnerabilities: list } = toObject(target, 'a result')
    for (const item of listOf(list, '`Vulnerabilities`', FINDINGS_LIMIT - found.length)) {
      const one = toObject(item, 'a vulnerability')
      const identifier = objectOf(one['PkgIdentifier'], '`PkgIdentifier`')
      found.push({
        id: requiredText(one, 'VulnerabilityID', 'a vulnerability'),
        severity: toSeverity(one['Severity']),
        ...optional('purl', optionalText(identifier, 'PURL', 'a package') ?? nameOf(one)),
      })
    }
  }
  return found
}

/** Two packages with one vulnerability are two; Trivy's names tell them apart where there is no package URL. */
function nameOf(one: Members): string | undefined {
  const name = optionalText(one, 'PkgName', 'a vulnerability')
  const version = optionalText(one, 'InstalledVersion', 'a vulnerability')
  return name === undefined ? undefined : `${name}@${version ?? ''}`
}

function grypeMatch(item: Json): Vulnerability {
  const match = toObject(item, 'a match')
  const vulnerability = toObject(match['vulnerability'], '`vulnerability` of a match')
  const artifact = objectOf(match['artifact'], '`artifact` of a match')
  return {
    id: requiredText(vulnerability, 'id', 'a vulnerability'),
    severity: toSeverity(vulnerability['severity']),
    ...optional('purl', optionalText(artifact, 'purl', 'an artifact')),
  }
}

/** One vulnerability of one package counts once, as badly as anybody in the report says. */
function once(found: readonly Vulnerability[]): readonly Vulnerability[] {
  const known = new Map<string, Vulnerability>()
  for (const one of found) {
    const key = JSON.stringify([one.id, one.purl ?? null])
    const before = known.get(key)
    const severity = worst([one.severity, ...(before === undefined ? [] : [before.severity])])
    known.set(key, { ...one, severity })
  }
  return [...known.values()]
}

const ORDER: readonly Severity[] = ['critical', 'high', 'medium', 'low']

/** What cannot be read as a severity counts only where nothing beside it can. */
function worst(severities: readonly Severity[]): Severity {
  return ORDER.find((severity) => severities.includes(severity)) ?? 'unknown'
}

/** A word, or a CVSS score from 0 to 10 (FIRST: Qualitative Severity Rating Scale). */
function toSeverity(value: Json | undefined): Severity {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string') return 'unknown'
  const word = text.toLowerCase()
  if (word === 'moderate') return 'medium'
  if (['negligible', 'none', 'info', 'informational'].includes(word)) return 'low'
  const named = ORDER.find((severity) => severity === word)
  if (named !== undefined) return named
  if (!/^(?:\d|10)(?:\.\d{1,2})?$/.test(word) || Number(word) > 10) return 'unknown'
  const score = Number(word)
  return score >= 9 ? 'critical' : score >= 7 ? 'high' : score >= 4 ? 'medium' : 'low'
}
