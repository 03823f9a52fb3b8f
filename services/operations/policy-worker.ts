import { checkPolicySet, diffPolicySets } from '../policy/index.ts'
import type { CheckTask, DiffTask } from './policy-checker.ts'
import { serveTasks } from './serve-tasks.ts'

serveTasks({
  check: ({ source, schema }: CheckTask) => checkPolicySet(source, schema),
  diff: ({ before, after, schema }: DiffTask) => diffPolicySets(before, after, schema),
})
