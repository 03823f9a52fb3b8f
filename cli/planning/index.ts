/**
 * Plans asked of the service and told to people. It decides nothing: what a change would do is judged by the service.
 */
/** A change as `POST /api/v1/plans` takes it; throw INVALID_ARTIFACT and what the service answers. */
export { aliasChange, codeChange } from './code-plan.ts'
/** The answer, for people. */
export { planText } from './plan-text.ts'
