import type { FastifyReply, FastifyRequest } from 'fastify'

import { PlatformError } from '../model/index.ts'
import { readTlog, type Deps } from '../operations/index.ts'

import { toGovernanceAnswer, toPlatformError } from './error-answer.ts'
import { ownFace, ownPlan } from './governance-face.ts'
import type { Face } from './pipeline.ts'
import type { WireAnswer } from './wire.ts'

const OPERATION = 'GET /tlog'
const A_DAY_S = 86_400

type Tlog = (params: unknown) => Promise<WireAnswer>

/** What is asked for by the parameters of the route. */
export function tlogAnswers(deps: Deps): Tlog {
  return async (params) => {
    const { epoch, path } = parseParams(params)
    const { contentType, immutable, body } = await readTlog(deps, epoch, path)
    return {
      status: 200,
      headers: {
        'content-type': contentType,
        'cache-control': immutable
          ? `public, max-age=${365 * A_DAY_S}, immutable`
          : 'no-cache, max-age=0',
        'x-content-type-options': 'nosniff',
      },
      body,
    }
  }
}

function parseParams(params: unknown): { readonly epoch: number; readonly path: string } {
  const { epoch, '*': path } = params as Readonly<Record<string, string>>
  if (epoch !== undefined && path !== undefined && /^[1-9][0-9]{0,8}$/.test(epoch))
    return { epoch: Number(epoch), path }
  throw new PlatformError('RESOURCE_NOT_FOUND', 'the log has nothing there')
}

/** Where tiles are not opened by setting: whoever may read the ledger may read them (RULES §7). */
export function tlogFace(tlog: Tlog, params: unknown): Face {
  return ownFace((request) => ({
    ...ownPlan(OPERATION, request.method, params),
    limitBytes: 0,
    // Nothing is read of a body.
    mediaTypes: /^/,
    run: () => tlog(params),
  }))
}

/** Opened by setting: to anybody, and nothing but what every auditor may have. */
export async function answerOpenTlog(
  tlog: Tlog,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const answer = await tlog(request.params).catch((error: unknown) =>
    toGovernanceAnswer(toPlatformError(error)),
  )
  return reply
    .code(answer.status)
    .headers({ ...answer.headers })
    .send(typeof answer.body === 'string' ? answer.body : Buffer.from(answer.body ?? ''))
}
