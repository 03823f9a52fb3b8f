import { PlatformError } from './model/index.ts'

/** `ARN=URL`, a queue each. */
export function parseWebhooks(texts: readonly string[]): ReadonlyMap<string, string> {
  const urls = new Map<string, string>()
  for (const text of texts) {
    const at = text.search(/=https?:\/\//)
    const [queue, url] = [text.slice(0, at), text.slice(at + 1)]
    if (at < 1 || !URL.canParse(url) || urls.has(queue)) {
      throw new PlatformError(
        'CONFIGURATION',
        `--event-webhook \`${text}\` is not ARN=URL, or its ARN came before`,
      )
    }
    urls.set(queue, url)
  }
  return urls
}

export function parseScale(text: string | undefined): number {
  if (text === undefined) return 1
  const scale = Number(text)
  if (text !== '' && scale > 0 && scale <= 1) return scale
  throw new PlatformError(
    'CONFIGURATION',
    `--event-delay-scale \`${text}\` is not above 0 and at most 1`,
  )
}
