import { PlatformError } from './model/index.ts'
import { egressRules } from './sources/index.ts'

/** As `lacre serve` takes them. */
export interface EgressOptions {
  readonly egress?: boolean
  readonly egressNetwork?: readonly string[]
}

/** Whether functions are let out to the hosts of their lists, and into which networks inside. */
export interface EgressConfig {
  readonly networks: readonly string[]
}

/** Off unless asked for. @throws PlatformError CONFIGURATION */
export function readEgress({ egress, egressNetwork }: EgressOptions): EgressConfig | undefined {
  const networks = egressNetwork ?? []
  if (egress !== true && networks.length > 0)
    throw new PlatformError('CONFIGURATION', '--egress-network says nothing without --egress')
  // Said at the start, not when a function asks.
  egressRules(networks)
  return egress === true ? { networks } : undefined
}
