/** { "name": "…" } → a greeting, and which version gave it. */
export const handler = async (event, context) => ({
  greeting: `Hello, ${event.name ?? 'world'}!`,
  version: context.functionVersion,
})
