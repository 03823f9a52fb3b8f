import { checkPolicySet, diffPolicySets } from '../policy/index.ts'
import type { CheckTask, DiffTask } from './policy-checker.ts'
import { serveTasks } from './serve-tasks.ts'

serveTasks({
  check: ({ source, ...by }: CheckTask) => checkPolicySet(source, by),
  diff: ({ before, after, ...by }: DiffTask) => diffPolicySets(before, after, by),
})
