import { openArtifact } from '../../../services/artifact/index.ts'
import { PlatformError, bufferSource, type Artifact } from '../../../services/model/index.ts'
import { assertText } from '../../support/words.ts'
import { buildZip, type ZipSpec } from '../../support/zip-builder.ts'

export const open = (bytes: Uint8Array): Promise<Artifact> => openArtifact(bufferSource(bytes))

export const openSpec = (spec: ZipSpec): Promise<Artifact> => open(buildZip(spec))

/** The rule that refuses these bytes, `accepted`, or the untyped error itself. */
export async function ruleOf(bytes: Uint8Array): Promise<string> {
  try {
    await open(bytes)
    return 'accepted'
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_ARTIFACT') {
      const { rule, entry } = error.detail
      // an empty name is shown as one
      const words = error.publicMessage.replace(entry === '' ? '``' : '', '')
      assertText(words, `words for ${String(rule)}`)
      return String(rule)
    }
    throw error
  }
}

/** All that a refusal tells: its words, and in `detail` the rule and the place. */
export async function toldOf(bytes: Uint8Array): Promise<unknown> {
  const refused: unknown = await open(bytes).catch((error: unknown) => error)
  if (!(refused instanceof PlatformError)) throw new Error('not refused')
  return { message: refused.publicMessage, ...refused.detail }
}

export async function read(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(chunk)
  return Buffer.concat(chunks)
}
