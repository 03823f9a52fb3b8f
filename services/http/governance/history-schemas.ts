import { Type, type TSchema } from 'typebox'

import { InstantText, Outcome, Sha256Text } from './schemas.ts'

// Answers of the history, for readers of the OpenAPI document.
const orNull = (schema: TSchema) => Type.Union([schema, Type.Null()])
const PrincipalTold = Type.Object({ id: Type.String(), kind: Type.String(), name: Type.String() })
const Slot = Type.Union([Type.Literal('primary'), Type.Literal('weighted')])

/** Its id alone where it names what the reader may not read. */
const DecisionTold = Type.Union([
  Type.Object({ id: Type.String(), withheld: Type.Literal(true) }),
  Type.Object({
    id: Type.String(),
    withheld: Type.Literal(false),
    at: InstantText,
    outcome: Outcome,
    action: Type.String(),
    resource: Type.String(),
    principal: PrincipalTold,
    policySet: Type.Object({ version: Type.String(), number: Type.Optional(Type.Integer()) }),
    approvals: Type.Array(
      Type.Object({
        id: Type.String(),
        requester: Type.String(),
        approvers: Type.Array(Type.String()),
      }),
    ),
    exceptions: Type.Array(Type.String()),
  }),
])

export const IntervalAnswer = Type.Object({
  functionName: Type.String(),
  alias: Type.String(),
  slot: Slot,
  version: Type.String(),
  weight: Type.Number(),
  codeSha256: Sha256Text,
  release: Sha256Text,
  from: InstantText,
  to: orNull(InstantText),
  fromIndex: Type.Integer(),
  toIndex: orNull(Type.Integer()),
  decision: DecisionTold,
  /** Absent, with `verdict` and `publishers`, where the decision is withheld. */
  layers: Type.Optional(Type.Array(Type.Unknown())),
  verdict: Type.Optional(Type.String()),
  publishers: Type.Optional(Type.Array(Type.String())),
})

export const PolicySetThenAnswer = orNull(
  Type.Object({ name: Type.String(), version: Type.Integer(), digest: Sha256Text }),
)

export const RevocationThenAnswer = Type.Object({
  id: Type.String(),
  targetKind: Type.String(),
  target: Type.String(),
  subject: Type.String(),
  effectiveAt: InstantText,
  recordedAt: InstantText,
  reason: Type.String(),
  /** `false`: effective then, and recorded later. */
  knownThen: Type.Boolean(),
})

export const ExceptionThenAnswer = Type.Object({
  id: Type.String(),
  release: Sha256Text,
  grantedAt: orNull(InstantText),
  until: orNull(InstantText),
  endedAt: orNull(InstantText),
  reviewedAt: orNull(InstantText),
})

const By = Type.Object({
  at: InstantText,
  index: Type.Integer(),
  action: orNull(Type.String()),
  principal: orNull(PrincipalTold),
  decision: orNull(DecisionTold),
})

export const SlotDiffAnswer = Type.Object({
  functionName: Type.String(),
  alias: Type.String(),
  slot: Slot,
  kind: Type.Union([Type.Literal('added'), Type.Literal('removed'), Type.Literal('changed')]),
  before: orNull(IntervalAnswer),
  after: orNull(IntervalAnswer),
  by: By,
})

const TimelineSlot = orNull(
  Type.Object({ version: Type.String(), weight: Type.Number(), release: Sha256Text }),
)

export const TimelineEventAnswer = Type.Union([
  Type.Object({
    kind: Type.Literal('change'),
    ...By.properties,
    slots: Type.Array(
      Type.Object({ alias: Type.String(), slot: Slot, from: TimelineSlot, to: TimelineSlot }),
    ),
    more: Type.Boolean(),
  }),
  Type.Object({
    kind: Type.Literal('refusal'),
    at: InstantText,
    decision: DecisionTold,
    failed: Type.Array(Type.String()),
  }),
])

export const PackageAnswer = Type.Object({
  version: Type.String(),
  purl: Type.String(),
  attestation: Sha256Text,
  /** Whether the SBOM counted when the decision was made; `null` where it came later. */
  counted: orNull(Type.Boolean()),
})
