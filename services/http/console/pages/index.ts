import type { Page } from '../page.ts'
import { livePages } from './live.tsx'

/** Every page, and everything that their forms send to. */
export const PAGES: readonly Page[] = [
  {
    method: 'GET',
    path: '',
    visit: () => Promise.resolve({ kind: 'moved', to: '/console/live' }),
  },
  ...livePages,
]
