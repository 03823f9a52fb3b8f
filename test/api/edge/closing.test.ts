import { once } from 'node:events'
import { connect } from 'node:net'

import { expect, test } from 'vitest'

import { startTestApp } from '../../support/app.ts'

/** Far less than a connection has for its first request's headers. */
const LIMIT_MS = 30_000

test(
  'connections that were opened beforehand and ask nothing do not hold the closing up',
  { timeout: LIMIT_MS },
  async () => {
    const app = await startTestApp()
    const sockets = [app.url, app.functionUrls].map((url) =>
      connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined),
    )
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    // One that has asked already is let go as before.
    expect((await fetch(`${app.url}/healthz`)).status).toBe(200)
    const closed = sockets.map((socket) => once(socket, 'close'))

    await app[Symbol.asyncDispose]()
    await Promise.all(closed)

    await expect(fetch(app.url)).rejects.toThrow('fetch failed')
  },
)
