/** Plans that were made, until they end; not governed, since a plan authorizes nothing. */
export interface PlanTable {
  /** SHA-256, hex (`policy/plan-hash.ts`). */
  hash: string
  action: string
  resource: string
  /** The world that it was made in. */
  world: number
  principal_id: string
  created_at: number
  expires_at: number
}

/** What an area adds to the service's schema. */
export interface PlanSchema {
  plan: PlanTable
}
