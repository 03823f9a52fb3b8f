import type { Command } from 'commander'

import { openArtifact } from '../../services/artifact/index.ts'
import {
  PlatformError,
  sha256,
  toBase64Digest,
  type Artifact,
  type ArtifactEntry,
} from '../../services/model/index.ts'
import { decodeSealBlock } from '../../services/seal/index.ts'
import { describeAwsSignature, readAwsSignature } from '../../services/trust/index.ts'
import type { CommandModule } from '../command.ts'
import { openFileSource } from '../files.ts'
import { inline, type Terminal } from '../terminal.ts'

/** The seals in the block as far as they can be read without a key; `fault` where the block is malformed. */
interface BlockView {
  readonly seals: readonly { format: string; sizeBytes: number; sha256: string }[]
  readonly fault?: string
}

export const command: CommandModule = {
  name: 'inspect',
  summary: "show a zip's digests, entries and seals; trusts none",
  configure(command: Command, terminal: Terminal): void {
    command.argument('<file>', 'the zip').action((file: string) => inspect(file, terminal))
  },
}

async function inspect(file: string, terminal: Terminal): Promise<void> {
  using source = openFileSource(file)
  const artifact = await openArtifact(source)
  const block = viewBlock(artifact)
  const found = await readAwsSignature(artifact)
  const foreign = found === undefined ? [] : [describeAwsSignature(found)]
  terminal.result(
    { ...toJson(artifact, block), foreignSignatures: foreign },
    toText(file, artifact, { ...block, foreign }),
  )
}

function viewBlock(artifact: Artifact): BlockView {
  const { source, sealBlock } = artifact
  if (sealBlock === undefined) return { seals: [] }
  try {
    const seals = decodeSealBlock(source.read(sealBlock.offset, sealBlock.length))
    return {
      seals: seals.map(({ format, bytes }) => ({
        format,
        sizeBytes: bytes.byteLength,
        sha256: sha256(bytes),
      })),
    }
  } catch (error) {
    // Shown, not thrown: to look at a bad block is what inspect is for. `verify` calls it tampered.
    if (error instanceof PlatformError) return { seals: [], fault: error.publicMessage }
    throw error
  }
}

function toJson(artifact: Artifact, block: BlockView) {
  const { sha256, codeSha256, tree, sizeBytes, unzippedBytes, entryCount, sealBlock } = artifact
  return {
    sha256,
    codeSha256,
    codeSha256Base64: toBase64Digest(codeSha256),
    tree,
    sizeBytes,
    unzippedBytes,
    entryCount,
    sealBlock:
      sealBlock === undefined
        ? null
        : { offset: sealBlock.offset, length: sealBlock.length, fault: block.fault },
    seals: block.seals,
    entries: artifact.entries.map(({ path, kind, mode, sizeBytes, sha256 }) => ({
      path,
      kind,
      mode: mode.toString(8).padStart(4, '0'),
      sizeBytes,
      sha256,
    })),
  }
}

function toText(
  file: string,
  artifact: Artifact,
  block: BlockView & { readonly foreign: readonly string[] },
): string {
  const { sealBlock } = artifact
  const lines = [
    `${inline(file)}: ${artifact.entryCount} entries, ${artifact.unzippedBytes} bytes in ${artifact.sizeBytes}`,
    `sha256      ${artifact.sha256}`,
    `codeSha256  ${toBase64Digest(artifact.codeSha256)}`,
    `tree        ${artifact.tree}`,
    sealBlock === undefined
      ? 'seals       none in the zip'
      : `seals       ${sealBlock.length} bytes at ${sealBlock.offset}`,
    ...block.seals.map(
      (seal) => `  ${seal.format.padEnd(6)} ${String(seal.sizeBytes).padStart(8)}  ${seal.sha256}`,
    ),
    ...(block.fault === undefined ? [] : [`  malformed: ${inline(block.fault)}`]),
    ...block.foreign.map((item) => inline(item)),
    ...artifact.entries.map(entryLine),
  ]
  return lines.join('\n')
}

function entryLine(entry: ArtifactEntry): string {
  const marks = { file: entry.mode === 0o755 ? 'x' : '-', symlink: 'l', directory: 'd' }
  const slash = entry.kind === 'directory' ? '/' : ''
  return `${marks[entry.kind]} ${String(entry.sizeBytes).padStart(10)}  ${entry.sha256.slice(0, 16)}  ${inline(entry.path)}${slash}`
}
