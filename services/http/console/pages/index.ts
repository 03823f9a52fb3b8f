import type { Page } from '../page.ts'
import { approvalPages } from './approvals.tsx'
import { breakGlassPages } from './break-glass.tsx'
import { decisionPages } from './decisions.tsx'
import { evidencePages } from './evidence.tsx'
import { functionPages } from './functions.tsx'
import { ledgerPages } from './ledger.tsx'
import { livePages } from './live.tsx'
import { logPages } from './logs.tsx'
import { policyPages } from './policies.tsx'
import { publisherPages } from './publishers.tsx'
import { runtimePages } from './runtime.tsx'

const home: Page = {
  method: 'GET',
  path: '',
  visit: () => Promise.resolve({ kind: 'moved', to: '/console/live' }),
}

/** Every page, and everything that their forms send to. */
export const PAGES: readonly Page[] = [
  home,
  ...livePages,
  ...functionPages,
  ...decisionPages,
  ...approvalPages,
  ...breakGlassPages,
  ...publisherPages,
  ...policyPages,
  ...ledgerPages,
  ...evidencePages,
  ...runtimePages,
  ...logPages,
]
