import { createPublicKey } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'

import type { Command } from 'commander'

import {
  verifyEvidence,
  type EvidenceTold,
  type EvidenceVerdict,
  type LedgerTold,
} from '../../services/evidence/index.ts'
import { parseCheckpoint, parseVerifierKey, type NoteKey } from '../../services/ledger/index.ts'
import { PlatformError, sha256, toIsoTime, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { countedSource } from '../counted-source.ts'
import { moveIntoPlace, openFileSource, partialPath } from '../files.ts'
import { readLogKey } from '../log-key.ts'
import { connect, withConnection, type ConnectionOptions } from '../service/index.ts'
import { readSmallFile } from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'

interface ExportOptions extends ConnectionOptions {
  readonly function: string
  readonly alias: string
  readonly from: string
  readonly to?: string
  readonly out?: string
  readonly entries?: string
  readonly withArtifacts?: true
  readonly checkpoint?: string
}

interface VerifyOptions {
  readonly logKey: readonly string[]
  readonly checkpoint: readonly string[]
  readonly publisherKey: readonly string[]
  readonly trustedRoot?: string
  readonly witnessKey: readonly string[]
}

/** Findings shown to a person; with `--json` all are there. */
const FINDINGS_SHOWN = 20

const EXPORT_HELP = `
Examples:
  lacre evidence export --function checkout --alias prod --from 2026-05-01T00:00:00Z --to 2026-06-01T00:00:00Z
  lacre evidence export --function checkout --alias prod --from 2026-05-01T00:00:00Z --entries opening \\
    --checkpoint kept.checkpoint --with-artifacts -o may.zip`

const VERIFY_HELP = `
Exit codes: 0 it holds, and the log key from outside authenticates it · 1 something does not fit ·
5 consistent in itself, not authenticated (no --log-key of the newest ledger, or of one that it was rotated from)

Examples:
  lacre evidence verify may.zip --log-key log.vkey --checkpoint kept.checkpoint
  lacre evidence verify may.zip --log-key log.vkey --publisher-key ci.pem.pub --json`

const many = (value: string, before: readonly string[]): readonly string[] => [...before, value]

/** `lacre evidence`: the export asks the service; verification needs no service, no account and no net. */
export const command: CommandModule = {
  name: 'evidence',
  summary: 'what was live in an alias, as an archive that verifies offline: export, verify',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command.command('export'))
      .summary('write the evidence of a window as one zip')
      .requiredOption('--function <name>', 'the function')
      .requiredOption('--alias <name>', 'the alias, or a version')
      .requiredOption('--from <time>', 'RFC 3339 with a zone: 2026-05-01T00:00:00Z')
      .option('--to <time>', 'up to, without; now where not given')
      .option(
        '--entries <which>',
        'whole entries of the ledger: own (about the alias), window, opening (since what was live then began)',
        'window',
      )
      .option(
        '--checkpoint <file>',
        'a checkpoint that you keep: the archive proves that it extends it',
      )
      .option('--with-artifacts', 'the code itself, too')
      .option('-o, --out <file>', 'the file to write; evidence-FUNCTION-ALIAS.zip where not given')
      .addHelpText('after', EXPORT_HELP)
      .action((options: ExportOptions) => exportEvidence(options, terminal, environment))
    command
      .command('verify')
      .argument('<file>', 'an archive of evidence')
      .summary('verify an archive, offline')
      .option(
        '--log-key <key>',
        "a log's key kept outside: name+id+base64, or a file of it or PEM; may be repeated",
        many,
        [],
      )
      .option('--checkpoint <file>', 'a checkpoint kept outside; may be repeated', many, [])
      .option(
        '--witness-key <key>',
        'a witness that must have cosigned a checkpoint inside: name+id+base64, or a file of it; may be repeated',
        many,
        [],
      )
      .option('--publisher-key <file>', 'a key that seals may be by; may be repeated', many, [])
      .option('--trusted-root <file>', 'the trusted root that keyless publishers must stand on')
      .addHelpText('after', VERIFY_HELP)
      .action((file: string, options: VerifyOptions) => verify(file, options, terminal))
  },
}

async function exportEvidence(
  options: ExportOptions,
  terminal: Terminal,
  environment: Environment,
): Promise<void> {
  const { function: name, alias, checkpoint } = options
  const path = options.out ?? `evidence-${name}-${alias}.zip`.replaceAll(/[^\w.-]/g, '')
  const kept = checkpoint === undefined ? undefined : parseCheckpoint(readText(checkpoint)).size
  const partial = partialPath(path)
  const file = await open(partial, 'wx', 0o644)
  let sizeBytes = 0
  const progress = terminal.progress('exporting', 'bytes')
  try {
    await connect(options, environment).send({
      method: 'GET',
      path: `/api/v1/evidence/${encodeURIComponent(name)}/${encodeURIComponent(alias)}`,
      query: {
        from: options.from,
        to: options.to,
        entries: options.entries,
        artifacts: options.withArtifacts === true ? 'true' : undefined,
        checkpoint: kept === undefined ? undefined : String(kept),
      },
      into: async (piece) => {
        await file.writeFile(piece)
        sizeBytes += piece.byteLength
        progress.update(sizeBytes)
      },
    })
    await file.sync()
    await file.close()
    moveIntoPlace(partial, path)
  } catch (cause) {
    await file.close()
    rmSync(partial, { force: true })
    throw cause
  } finally {
    progress.end()
  }
  terminal.say(`verify it: lacre evidence verify ${inline(path)} --log-key KEY`)
  terminal.result({ file: path, sizeBytes }, `${inline(path)}: ${sizeBytes} bytes`)
}

async function verify(path: string, options: VerifyOptions, terminal: Terminal): Promise<void> {
  const checkpoints = options.checkpoint.map(readText)
  const { logKey, trustedRoot } = options
  using file = openFileSource(path)
  const progress = terminal.progress('verifying', 'bytes')
  const verdict = await verifyEvidence(countedSource(file, progress), {
    checkpoints,
    logKeys: logKey.map((key) => readLogKey(key, () => originIn(checkpoints))),
    witnesses: options.witnessKey.map(readWitnessKey),
    pinned: {
      keys: new Set(options.publisherKey.map(spkiOf)),
      trustedRoot: trustedRoot === undefined ? undefined : readText(trustedRoot),
    },
  }).finally(() => progress.end())
  terminal.result(toJson(verdict), toText(path, verdict, options))
  if (verdict.answer === 'changed') terminal.exitWith(EXIT.refused)
  else if (verdict.answer !== 'authenticated') terminal.exitWith(EXIT.notAuthenticated)
}

function readText(path: string): string {
  return readSmallFile(path).toString('utf8')
}

/** @throws PlatformError INVALID_PARAMETER */
function readWitnessKey(key: string): NoteKey {
  return parseVerifierKey(existsSync(key) ? readText(key) : key, 'cosignature')
}

/** SHA-256 of the key's SubjectPublicKeyInfo. @throws PlatformError INVALID_PARAMETER */
function spkiOf(path: string): string {
  try {
    return sha256(createPublicKey(readSmallFile(path)).export({ format: 'der', type: 'spki' }))
  } catch (cause) {
    throw new PlatformError('INVALID_PARAMETER', `\`${path}\` holds no public key`, { cause })
  }
}

/** PEM names no log: it takes the name of the checkpoint kept beside it. @throws PlatformError INVALID_PARAMETER */
function originIn(checkpoints: readonly string[]): string {
  const [first] = checkpoints
  if (first !== undefined) return parseCheckpoint(first).origin
  throw new PlatformError(
    'INVALID_PARAMETER',
    'a key in PEM has no name: give the key as name+id+base64, or a --checkpoint of its log',
  )
}

function toJson({ answer, findings, told }: EvidenceVerdict): Json {
  return {
    answer,
    authenticated: answer === 'authenticated',
    findings: findings.map((finding) => ({ ...finding })),
    ...(told !== undefined && {
      evidence: {
        ...told,
        fromMs: undefined,
        toMs: undefined,
        ...windowOf(told),
        witnesses: told.witnesses.map((one) => ({ ...one })),
        ledgers: told.ledgers.map((one) => ({ ...one })),
      },
    }),
  }
}

function windowOf({ fromMs, toMs }: EvidenceTold): { readonly from: string; readonly to: string } {
  return { from: toIsoTime(fromMs), to: toIsoTime(toMs) }
}

function toText(path: string, verdict: EvidenceVerdict, options: VerifyOptions): string {
  const { answer, findings, told } = verdict
  const shown = findings.slice(0, FINDINGS_SHOWN)
  return [
    `${inline(path)}: ${answer}`,
    ...(told === undefined ? [] : toldLines(told)),
    ...shown.map(({ kind, message }) => `${kind.padEnd(13)} ${inline(message)}`),
    ...(findings.length > shown.length
      ? [`              and ${findings.length - shown.length} more`]
      : []),
    ...(told === undefined || findings.length > 0 ? [] : notes(told, options)),
  ].join('\n')
}

function toldLines(told: EvidenceTold): string[] {
  const { from, to } = windowOf(told)
  return [
    `about         ${inline(told.functionName)}:${inline(told.alias)}, ${from} up to ${to}`,
    `log           ${inline(told.origin)}, ${told.size} entries, root ${told.root}`,
    ...(told.ledgers.length > 1 ? told.ledgers.flatMap(ledgerLines) : []),
    `entries       ${told.entries} in the range, ${told.ownEntries} about the alias; complete: ${told.completeness}`,
    `live          ${told.intervals} intervals`,
    `decisions     ${told.decisions}, of which ${told.replayed} follow from their facts and policies`,
    `seals         ${told.seals} verified again, ${told.attestations} attestations, ${told.artifacts} artifacts inside`,
    ...told.witnesses.map(
      ({ name, origin, size, atMs }) =>
        `witness       ${inline(name)} cosigned the first ${size} entries of ${inline(origin)} at ${toIsoTime(atMs)}`,
    ),
  ]
}

/** Of several ledgers: what each comes to, and how the next one follows it. */
function ledgerLines({
  epoch,
  origin,
  size,
  entries,
  believed,
  ended,
  lastKnown,
}: LedgerTold): string[] {
  const lines = [
    `ledger ${String(epoch).padEnd(7)}${inline(origin)}, ${size} entries, ${entries} in the range; believed by: ${believed}`,
  ]
  if (ended === 'key rotated')
    lines.push(
      `              its key was rotated: it announced the next ledger, which quotes all ${size} entries of it`,
    )
  if (ended === 'given up')
    lines.push(
      `              it was given up: the next ledger does not extend it, and only quotes ${size} entries as kept`,
      lastKnown !== null && lastKnown > size
        ? `              its last checkpoint known is over ${lastKnown} entries: ${lastKnown - size} are lost`
        : '              what it had beyond them, if anything, is in no ledger',
    )
  return lines
}

/** What the answer does not say (RULES §6). */
function notes(told: EvidenceTold, { logKey, checkpoint }: VerifyOptions): string[] {
  const lines: string[] = []
  if (logKey.length === 0)
    lines.push(
      "note          give --log-key, the log's key kept outside: whoever made an archive anew would get",
      '              the same answer without it',
    )
  if (checkpoint.length === 0 && told.witnesses.length === 0)
    lines.push(
      'note          without a checkpoint kept elsewhere, or a witness, this proves what the service says,',
      '              and not that it says the same to everyone',
    )
  if (told.unverifiedCosigners.length > 0)
    lines.push(
      `note          cosignatures are not verified without --witness-key: ${told.unverifiedCosigners.map(inline).join(', ')}`,
    )
  if (told.completeness === 'not shown')
    lines.push(
      told.ledgers.some(({ ended }) => ended === 'given up')
        ? 'note          entries were left out, or lost with a ledger that was given up: one about the alias may be among them'
        : 'note          entries were left out: one about the alias may be among them',
    )
  if (told.completeness === 'window')
    lines.push(
      'note          that nothing ended before the window what was live at its start is the word of the',
      '              service: export with --entries opening to have it proven',
    )
  if (told.needArtifact > 0)
    lines.push(
      `note          ${told.needArtifact} seals are over the artifact's bytes: export with --with-artifacts`,
    )
  return lines
}
