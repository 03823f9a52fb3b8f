import type { Principal, PlatformError } from '../../model/index.ts'
import { awsErrorOf } from '../error-answer.ts'
import type { WireAnswer } from '../wire.ts'
import { htmlAnswer } from './answers.ts'
import { Document } from './layout.tsx'
import { Notice, Text } from './parts.tsx'
import { SignInHelp, type Doorway } from './sign-in-help.tsx'
import { h } from './markup.ts'

/** Why it was refused, and where that is explained; faults of ours say no more than that. */
export function errorPage(
  doorway: Doorway,
  error: PlatformError,
  asked: {
    readonly who?: { readonly principal: Principal; readonly csrf: string } | undefined
    /** The page that is shown to whoever signs in. */
    readonly to?: string | undefined
  } = {},
): WireAnswer {
  const { who, to } = asked
  const { status } = awsErrorOf(error)
  if (error.code === 'MISSING_AUTHENTICATION')
    return htmlAnswer(<SignInHelp doorway={doorway} to={to} />, { status: 401 })
  const { decisionId } = error
  const said = status === 500 ? 'The service encountered an internal error.' : error.publicMessage
  const refused = decisionId !== undefined
  return htmlAnswer(
    <Document assets={doorway.assets} title={refused ? 'Refused' : 'Not done'} who={who}>
      <Notice tone="bad">
        <p>
          <Text>{said}</Text>
        </p>
        <p>
          <code>{error.code}</code>; nothing was changed.
        </p>
      </Notice>
      {refused && (
        <p>
          <a href={`/console/decisions/${decisionId}`}>Why: the decision with every check</a>
        </p>
      )}
      <p>
        <a href="/console/live">Back to what is live</a>
      </p>
    </Document>,
    { status },
  )
}
