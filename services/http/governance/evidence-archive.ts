import { Type } from 'typebox'

import { PlatformError } from '../../model/index.ts'
import { exportEvidence, type Deps, type EvidenceFile } from '../../operations/index.ts'
import type { Send } from '../answer-pipe.ts'
import { parseInstant } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, Nothing } from './schemas.ts'

const strict = { additionalProperties: false } as const
const PIECE_BYTES = 262_144

/** Evidence as one file: what `lacre evidence verify` takes. */
export function evidenceArchiveRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/evidence/:functionName/:alias',
      summary:
        'What was live in an alias in a window, and by which decisions: a zip that verifies offline',
      params: Type.Object(
        {
          functionName: Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' }),
          alias: Type.String({ pattern: '^(\\$LATEST|[a-zA-Z0-9-_]{1,128})$' }),
        },
        strict,
      ),
      query: Type.Object(
        {
          from: InstantText,
          to: Type.Optional(InstantText),
          entries: Type.Optional(
            Type.Union([Type.Literal('own'), Type.Literal('window'), Type.Literal('opening')]),
          ),
          artifacts: Type.Optional(Type.Union([Type.Literal('true'), Type.Literal('false')])),
          checkpoint: Type.Optional(CountText),
        },
        strict,
      ),
      body: Nothing,
      status: 200,
      answer: Type.Unknown(),
      answerType: 'application/zip',
      handle: async ({ caller, params, query }) => {
        const { functionName, alias } = params
        const file = await exportEvidence(deps, caller, {
          functionName,
          alias,
          fromMs: parseInstant('from', query.from),
          toMs: query.to === undefined ? undefined : parseInstant('to', query.to),
          entries: query.entries ?? 'window',
          withArtifacts: query.artifacts === 'true',
          checkpointSizes: query.checkpoint === undefined ? [] : [sizeOf(query.checkpoint)],
        })
        const name = `evidence-${functionName}-${alias.replace('$', '')}.zip`
        const stream = (send: Send): Promise<void> => sendFile(file, send)
        return { body: null, file: { sizeBytes: file.sizeBytes, name, stream } }
      },
    }),
  ]
}

function sizeOf(text: string): number {
  const size = Number(text)
  if (Number.isSafeInteger(size) && size >= 0) return size
  throw new PlatformError('INVALID_PARAMETER', '`checkpoint` is the size of a checkpoint')
}

async function sendFile(file: EvidenceFile, send: Send): Promise<void> {
  using source = file
  for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES)
    await send(source.read(at, Math.min(PIECE_BYTES, source.sizeBytes - at)))
}
