/** Who acts. Approvals, quorums and the ledger count the principal, never the access key it came with. */
export interface Principal {
  readonly id: string
  readonly kind: 'user' | 'workload' | 'system'
  readonly name: string
  readonly roles: readonly string[]
  readonly claims: Readonly<Record<string, string>>
}

/** Whoever calls a function URL that asks for no signature; it has no role and can do nothing else. */
export const anonymousPrincipal: Principal = {
  id: 'anonymous',
  kind: 'user',
  name: 'anonymous',
  roles: [],
  claims: {},
}

/** The service itself: timers, activation, recovery. */
export const systemPrincipal: Principal = {
  id: 'system',
  kind: 'system',
  name: 'lacre',
  roles: [],
  claims: {},
}
