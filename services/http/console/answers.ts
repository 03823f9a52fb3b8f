import type { WireAnswer } from '../wire.ts'
import { Html } from './markup.ts'

/**
 * Nothing but our own files and forms. No script or style stands in a page, so that text which got past the escaping would
 * run nothing. `same-origin` and not `no-referrer`: under that browsers send forms with `Origin: null`.
 */
export const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  'cache-control': 'private, no-store',
} as const

export function htmlAnswer(
  page: Html,
  {
    status = 200,
    headers = {},
  }: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): WireAnswer {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8', ...PAGE_HEADERS, ...headers },
    body: Html.document(page),
  }
}

/** After a form: the page is asked for anew, so that reloading it sends nothing again. */
export function seeOther(to: string, headers: Readonly<Record<string, string>> = {}): WireAnswer {
  return { status: 303, headers: { location: to, ...PAGE_HEADERS, ...headers } }
}
