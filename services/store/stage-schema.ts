/** What governs a function or an alias by its name, and outlives it (RULES §5). */
export interface StageSchema {
  freeze: FreezeTable
  freeze_window: FreezeWindowTable
  promotion_rule: PromotionRuleTable
  floor_rule: FloorRuleTable
  floor: FloorTable
  floor_exception: FloorExceptionTable
  function_reach: FunctionReachTable
}

interface FreezeTable {
  /** FUNCTION or FUNCTION:ALIAS */
  scope: string
  reason: string
  frozen_at: number
  /** A principal's id. */
  frozen_by: string
}

interface FreezeWindowTable {
  name: string
  /** FreezeWindow of `model`, canonical JSON. */
  document: string
  last_modified: number
}

interface PromotionRuleTable {
  /** FUNCTION:ALIAS, `*` within the function. */
  scope: string
  from_alias: string
  soak_ms: number
  ended_within_ms: number | null
  last_modified: number
}

/** An alias that has a floor, and how long a release is wholly live before the floor rises to it. */
interface FloorRuleTable {
  function_name: string
  alias: string
  soak_ms: number
  last_modified: number
}

interface FloorTable {
  function_name: string
  alias: string
  /** A publisher's name. */
  publisher: string
  /** u64, decimal. */
  counter: string
  release: string | null
  raised_at: number
  why: string
}

interface FloorExceptionTable {
  id: string
  function_name: string
  alias: string
  release: string
  reason: string
  granted_at: number
  granted_by: string
  expires_at: number
}

interface FunctionReachTable {
  function_name: string
  mode: 'all' | 'aliases'
  /** JSON array: version digits, `$LATEST`. */
  direct: string
  last_modified: number
}
