/** Closes in reverse order of opening, all of it, whatever one of them says. */
export class Closers implements AsyncDisposable {
  readonly #open: AsyncDisposable[] = []

  add<T extends AsyncDisposable>(opened: T): T {
    this.#open.push(opened)
    return opened
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = []
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
      try {
        await next[Symbol.asyncDispose]()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be closed')
  }
}

export function asyncOf(opened: Disposable): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: () => {
      opened[Symbol.dispose]()
      return Promise.resolve()
    },
  }
}
