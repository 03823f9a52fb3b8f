import { expect, test } from 'vitest'

import { addressRules } from '../../../services/sources/index.ts'
import { parseWebhookUrl, shownUrl } from '../../../services/webhooks/index.ts'

const none = addressRules([])
const listed = addressRules(['127.0.0.0/8', '10.1.0.0/16', '::1'])

test.each([
  'https://hooks.example.com/x?y=1',
  'https://93.184.216.34/',
  'https://[2606:2800:220:1::1]/',
])('takes %s, whatever is listed', (url) => {
  expect(parseWebhookUrl(url, none)).toBe(url)
})

test.each(['http://127.0.0.1:8080/', 'http://localhost:1/', 'http://10.1.2.3/', 'http://[::1]/'])(
  'takes %s, plain as it is, where its address is listed and only there',
  (url) => {
    expect(parseWebhookUrl(url, listed)).toBe(url)
    expect(() => parseWebhookUrl(url, none)).toThrow(/list/)
  },
)

test.each([
  ['http://hooks.example.com/', 'plain'],
  ['http://93.184.216.34/', 'plain, to an address that is public and not listed'],
  ['https://127.0.0.2.nip.io@10.2.0.1/', 'with a user'],
  ['https://u:p@example.com/', 'with a password'],
  ['https://example.com/#x', 'with a fragment'],
  ['https://169.254.169.254/latest/meta-data', 'link-local'],
  ['https://192.168.1.1/', 'private'],
  ['https://0/', 'nowhere'],
  ['https://2852039166/', 'link-local, written as a number'],
  ['https://[::ffff:169.254.169.254]/', 'link-local, written as IPv6'],
  ['ftp://example.com/', 'another protocol'],
  ['file:///etc/passwd', 'a file'],
  ['javascript:alert(1)', 'a script'],
  ['https://', 'nothing'],
  ['hooks.example.com', 'no URL'],
  ['https://example.com/\r\nx-injected: 1', 'with line breaks'],
  ['https://exa\tmple.com/', 'with a tab, which the parser would drop'],
  ['https://example.com/ü', 'with what is not ASCII'],
  [`https://example.com/${'a'.repeat(2_048)}`, 'too long'],
])('refuses %s: %s', (url) => {
  expect(() => parseWebhookUrl(url, listed)).toThrow(
    expect.objectContaining({ code: 'INVALID_PARAMETER' }),
  )
})

test('shows where a URL leads and not its path, which may be a secret', () => {
  expect(shownUrl('https://hooks.example.com/services/T0/B0/secret?token=x')).toBe(
    'https://hooks.example.com/…',
  )
  expect(shownUrl('https://hooks.example.com/')).toBe('https://hooks.example.com/')
})
