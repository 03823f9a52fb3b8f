import { Type } from 'typebox'

import { parseSha256, sha256, type Json } from '../../model/index.ts'
import {
  getSigningRequirements,
  putSigningRequirements,
  sealByPublisher,
  type Deps,
} from '../../operations/index.ts'
import { route, type Route } from './route.ts'
import { NameParams, NewManagedSeal, Nothing, PublisherName, Sha256Text } from './schemas.ts'

const strict = { additionalProperties: false } as const
const ConfigParams = Type.Object({ id: Type.String({ pattern: '^csc-[a-z0-9]{17}$' }) }, strict)
const Requirements = Type.Object(
  {
    minSigners: Type.Integer({ minimum: 1, maximum: 20 }),
    minPublishers: Type.Integer({ minimum: 1, maximum: 20 }),
  },
  strict,
)
const ManagedSealAnswer = Type.Object({
  publisher: PublisherName,
  version: Type.String(),
  arn: Type.String(),
  sha256: Sha256Text,
  publicKeyPem: Type.String(),
  seal: Type.Object({ format: Type.Literal('bundle'), sha256: Sha256Text, body: Type.String() }),
})

/** Seals by keys that the service keeps; thresholds of code signing configs. */
export function managedRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/publishers/:name/seals',
      summary: 'A seal by a managed publisher over an artifact that is here and was judged',
      params: NameParams,
      query: Nothing,
      body: NewManagedSeal,
      status: 201,
      answer: ManagedSealAnswer,
      handle: async ({ caller, params, body }) => {
        const input = {
          name: params.name,
          sha256: parseSha256(body.sha256),
          predicate: (body.predicate ?? {}) as Record<string, Json>,
        }
        const { result, decision } = await sealByPublisher(deps, caller, input)
        const { bundle, ...about } = result
        const seal = {
          format: 'bundle',
          sha256: sha256(bundle),
          body: Buffer.from(bundle).toString('base64'),
        }
        return { body: { publisher: params.name, ...about, seal }, decision }
      },
    }),
    route({
      method: 'GET',
      path: '/code-signing-configs/:id/requirements',
      summary: 'How many distinct signers and publishers a code signing config demands',
      params: ConfigParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Requirements,
      handle: async ({ params }) => ({
        body: { ...(await getSigningRequirements(deps, params.id)) },
      }),
    }),
    route({
      method: 'PUT',
      path: '/code-signing-configs/:id/requirements',
      summary:
        'Demands distinct signers, of distinct publishers, for all code that the config judges',
      params: ConfigParams,
      query: Nothing,
      body: Requirements,
      status: 200,
      answer: Requirements,
      handle: async ({ caller, params, body }) => {
        const input = { configId: params.id, ...body }
        const { result, decision } = await putSigningRequirements(deps, caller, input)
        return { body: { ...result }, decision }
      },
    }),
  ]
}
