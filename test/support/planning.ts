import type { LambdaClient } from '@aws-sdk/client-lambda'

import type { TestApp } from './app.ts'
import { lambdaClient } from './client.ts'
import { governance } from './governance.ts'

export interface EffectAnswer {
  readonly kind: 'refused' | 'admitted' | 'warned' | 'changed'
  readonly functionName: string
  readonly alias: string
  readonly role: 'alias' | 'canary' | 'rollback' | 'latest'
  readonly version: string
  readonly toVersion?: string
  readonly now: { readonly outcome: string; readonly verdict: string; readonly evaluated: boolean }
  readonly after: { readonly outcome: string; readonly verdict: string }
  readonly why: readonly { readonly rule: string; readonly got: string; readonly fix?: string }[]
}

export interface PlanAnswer {
  readonly hash: string | null
  readonly expiresAt: string | null
  readonly world: number
  readonly decisions: readonly {
    readonly outcome: string
    readonly checks: readonly { readonly rule: string; readonly status: string }[]
  }[]
  readonly effects: {
    readonly judged: number
    readonly unaffected: number
    readonly notReevaluated: number
    readonly counts: Readonly<Record<EffectAnswer['role'], number>>
    readonly affected: readonly EffectAnswer[]
    readonly leftOut: number
    readonly notReadable: number
    readonly policySet: string
  }
  readonly expiring?: readonly {
    readonly kind: string
    readonly expiresAt: string
    readonly publisher: string | null
    readonly place: string | null
  }[]
  readonly error?: { readonly code: string; readonly message: string }
}

export interface Planned {
  readonly status: number
  readonly plan: PlanAnswer
}

/** `POST /api/v1/plans`, as the admin. */
export async function plan(app: Pick<TestApp, 'admin'>, change: unknown): Promise<Planned> {
  const { status, body } = await governance<PlanAnswer>(app.admin, {
    method: 'POST',
    path: '/plans',
    body: { change },
  })
  return { status, plan: body }
}

/** The unmodified SDK, with the header of a plan on every call, signed with the rest. */
export function heldTo(app: Pick<TestApp, 'admin'>, hash: string): LambdaClient {
  const client = lambdaClient(app.admin)
  client.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as { headers: Record<string, string> }
      request.headers['x-lacre-plan'] = hash
      return await next(args)
    },
    { step: 'build', name: 'lacrePlan' },
  )
  return client
}
