import type { AdminFile } from './client.ts'
import { governance } from './governance.ts'

/** Somebody signed in to the console, without a browser. */
export interface ConsoleClient {
  get(path: string): Promise<Response>
  /** A form of the console, sent as its pages send it; where it leads to is not followed. */
  post(path: string, form: Readonly<Record<string, string>>): Promise<Response>
}

export async function openConsole(who: AdminFile): Promise<ConsoleClient> {
  const { endpoint } = who
  const { body } = await governance<{ path: string }>(who, {
    method: 'POST',
    path: '/console/links',
  })
  const link = new URL(body.path, endpoint).searchParams.get('link') ?? ''
  const send = async (path: string, form: Readonly<Record<string, string>>, cookie = '') =>
    await fetch(`${endpoint}/console${path}`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: endpoint, cookie },
      body: new URLSearchParams(form),
    })
  const entered = await send('/sign-in', { link })
  const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? ''
  const get = async (path: string): Promise<Response> =>
    await fetch(`${endpoint}/console${path}`, { redirect: 'manual', headers: { cookie } })
  const page = await (await get('/evidence')).text()
  const csrf = /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? ''
  if (csrf === '') throw new Error('nobody was signed in')
  return { get, post: (path, form) => send(path, { csrf, ...form }, cookie) }
}
