import type { CompiledQuery, Kysely } from 'kysely'

import type { Schema } from './schema.ts'

/** Where a value stands in a query that is compiled before there is one. */
class Place {
  readonly name: PropertyKey

  constructor(name: PropertyKey) {
    this.name = name
  }
}

interface Compilable<R> {
  compile(): CompiledQuery<R>
}

/**
 * A query that is built and compiled at its first run: building one costs several times what SQLite takes to run it.
 * `build` gets a stand-in for each value by its name, and may do nothing with it but hand it to the query.
 */
export function prepared<V extends object, R>(
  build: <D extends Kysely<Schema>>(
    db: D,
    of: <N extends keyof V>(name: N) => V[N],
  ) => Compilable<R>,
): (db: Kysely<Schema>, values: V) => Promise<R[]> {
  // Each store compiles its own: it is an adapter that tells dialects apart.
  const compiled = new WeakMap<object, CompiledQuery<R>>()
  const place = <N extends keyof V>(name: N): V[N] => new Place(name) as V[N]
  return async (db, values) => {
    const { adapter } = db.getExecutor()
    let query = compiled.get(adapter)
    if (query === undefined) compiled.set(adapter, (query = build(db, place).compile()))
    const parameters = query.parameters.map((one) =>
      one instanceof Place ? values[one.name as keyof V] : one,
    )
    const { rows } = await db.executeQuery<R>({ ...query, parameters })
    return rows
  }
}
