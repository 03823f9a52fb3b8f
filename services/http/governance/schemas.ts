import Type from 'typebox'

/** Shapes that several routes of `/api/v1` share. */
const strict = { additionalProperties: false } as const

export const Nothing = Type.Object({}, strict)

export const Sha256Text = Type.String({ pattern: '^[0-9a-f]{64}$' })
/** RFC 3339 with a zone; read by `parseIsoTime`. */
export const InstantText = Type.String({ minLength: 17, maxLength: 40 })
export const PublisherName = Type.String({ pattern: '^[a-zA-Z0-9_]{2,64}$' })
export const PublisherVersionId = Type.String({ pattern: '^[a-zA-Z0-9]{10}$' })
export const Outcome = Type.Union([
  Type.Literal('allow'),
  Type.Literal('warn'),
  Type.Literal('deny'),
])

/** Queries are text; numbers in them are digits. */
export const CountText = Type.String({ pattern: '^[0-9]{1,15}$' })

export const NameParams = Type.Object({ name: PublisherName }, strict)
export const VersionParams = Type.Object(
  { name: PublisherName, version: PublisherVersionId },
  strict,
)

/** Either a whole document, or PEM with what differs from its defaults; `trust` reads both strictly. */
const publisherMembers = {
  document: Type.Optional(Type.Unknown()),
  pem: Type.Optional(Type.String({ minLength: 1, maxLength: 262_144 })),
  forms: Type.Optional(Type.Array(Type.String({ maxLength: 16 }), { maxItems: 3 })),
  purposes: Type.Optional(Type.Array(Type.String({ maxLength: 256 }), { maxItems: 32 })),
  signatureValidityMs: Type.Optional(Type.Integer({ minimum: 1 })),
  subjects: Type.Optional(Type.Array(Type.String({ maxLength: 1024 }), { maxItems: 64 })),
  subjectAltNames: Type.Optional(
    Type.Array(
      Type.Object(
        {
          type: Type.Union([Type.Literal('dns'), Type.Literal('uri'), Type.Literal('email')]),
          value: Type.String({ maxLength: 1024 }),
        },
        strict,
      ),
      { maxItems: 64 },
    ),
  ),
}
export const NewPublisher = Type.Object({ name: PublisherName, ...publisherMembers }, strict)
export const NewPublisherVersion = Type.Object(publisherMembers, strict)

const Reason = Type.String({ minLength: 1, maxLength: 500 })
export const NewRevocation = Type.Object(
  {
    target: Type.Union([
      Type.Object({ kind: Type.Literal('publisher'), name: PublisherName }, strict),
      Type.Object(
        {
          kind: Type.Literal('publisher-version'),
          name: PublisherName,
          version: PublisherVersionId,
        },
        strict,
      ),
      Type.Object(
        {
          kind: Type.Union([
            Type.Literal('certificate'),
            Type.Literal('key'),
            Type.Literal('seal'),
          ]),
          sha256: Sha256Text,
        },
        strict,
      ),
      Type.Object(
        {
          kind: Type.Union([Type.Literal('certificate'), Type.Literal('key')]),
          pem: Type.String({ minLength: 1, maxLength: 65_536 }),
        },
        strict,
      ),
    ]),
    effectiveAt: Type.Optional(InstantText),
    reason: Reason,
  },
  strict,
)

/** What a seal binds itself to; `seal` reads it strictly. */
export const NewManagedSeal = Type.Object(
  {
    sha256: Sha256Text,
    predicate: Type.Optional(
      Type.Object(
        {
          kind: Type.Optional(Type.Union([Type.Literal('function'), Type.Literal('layer')])),
          names: Type.Optional(Type.Array(Type.String({ maxLength: 2048 }), { maxItems: 64 })),
          account: Type.Optional(Type.String({ maxLength: 12 })),
          counter: Type.Optional(Type.String({ maxLength: 20 })),
          notAfter: Type.Optional(InstantText),
        },
        strict,
      ),
    ),
  },
  strict,
)

export const NewSeals = Type.Object(
  {
    seals: Type.Array(
      Type.Object(
        {
          format: Type.Union([Type.Literal('bundle'), Type.Literal('cms')]),
          /** base64 of the seal's bytes: a bundle's JSON, or CMS as DER or PEM. */
          body: Type.String({
            minLength: 4,
            maxLength: 360_000,
            pattern: '^[A-Za-z0-9+/]+={0,2}$',
          }),
        },
        strict,
      ),
      { minItems: 1, maxItems: 16 },
    ),
  },
  strict,
)

// Answers, for readers of the OpenAPI document.
export const PublisherAnswer = Type.Object({
  id: Type.String(),
  name: PublisherName,
  kind: Type.Union(['key', 'x509', 'oidc', 'managed'].map((kind) => Type.Literal(kind))),
  createdAt: InstantText,
  revokedFrom: Type.Union([InstantText, Type.Null()]),
  versions: Type.Array(
    Type.Object({
      version: PublisherVersionId,
      arn: Type.String(),
      digest: Sha256Text,
      status: Type.Union([
        Type.Literal('Active'),
        Type.Literal('Canceled'),
        Type.Literal('Revoked'),
      ]),
      revokedFrom: Type.Union([InstantText, Type.Null()]),
      createdAt: InstantText,
      document: Type.Unknown(),
    }),
  ),
})
export const RevocationAnswer = Type.Object({
  id: Type.String(),
  targetKind: Type.String(),
  target: Type.String(),
  effectiveAt: InstantText,
  recordedAt: InstantText,
  reason: Reason,
})
export const LiveRowAnswer = Type.Object({
  functionName: Type.String(),
  alias: Type.String(),
  slot: Type.Union([Type.Literal('primary'), Type.Literal('weighted')]),
  version: Type.String(),
  weight: Type.Number(),
  layers: Type.Array(Type.Unknown()),
  codeSha256: Sha256Text,
  release: Sha256Text,
  decisionId: Type.String(),
  outcome: Type.String(),
  verdict: Type.String(),
  publishers: Type.Array(Type.String()),
  from: InstantText,
  to: Type.Union([InstantText, Type.Null()]),
  /** How it stands: judged again as if it were moved there now. */
  compliance: Type.Optional(
    Type.Object({
      state: Type.String(),
      verdict: Type.String(),
      reasons: Type.Array(Type.Unknown()),
      causes: Type.Array(Type.String()),
      since: Type.Union([InstantText, Type.Null()]),
      until: Type.Union([InstantText, Type.Null()]),
      world: Type.Union([Type.Integer(), Type.Null()]),
    }),
  ),
  /** Exceptions of this alias that nobody has reviewed: while there is one, the alias is red. */
  breakGlass: Type.Optional(
    Type.Array(
      Type.Object({
        id: Type.String(),
        release: Sha256Text,
        grantedAt: InstantText,
        until: InstantText,
        endedAt: Type.Union([InstantText, Type.Null()]),
      }),
    ),
  ),
})
export const SealsAnswer = Type.Object({
  sha256: Sha256Text,
  seals: Type.Array(Type.Unknown()),
})
