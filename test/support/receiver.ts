import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What a receiver answers; 200 unless told otherwise. */
export type Answering = (received: Received, response: ServerResponse) => void

/** Somebody who is told: takes posts, keeps them, and answers as the test says. */
export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly got: Received[]
  answer: Answering
}

export const answering =
  (status: number, body = '', headers: Record<string, string> = {}): Answering =>
  (_received, response) =>
    void response.writeHead(status, headers).end(body)

export async function startReceiver(port = 0): Promise<Receiver> {
  const got: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const received = { path: request.url ?? '', headers: request.headers, body }
      got.push(received)
      receiver.answer(received, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    got,
    answer: answering(200),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

/** The CloudEvents among what was received. */
export const eventsOf = (received: readonly Received[]) =>
  received.map(({ body }) => JSON.parse(body) as CloudEvent)

export interface CloudEvent {
  readonly specversion: string
  readonly id: string
  readonly source: string
  readonly type: string
  readonly subject: string
  readonly time: string
  readonly data: Readonly<Record<string, unknown>> & { readonly index: number }
}
