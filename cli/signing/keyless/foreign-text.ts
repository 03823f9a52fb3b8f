const SHOWN_CHARACTERS = 200
/** Words of a sentence are shorter; tokens, keys and digests are not, in whatever alphabet they are written. */
const LONG_WORD = /[\p{L}\p{N}_\-+/=.%~]{25,}/gu

/**
 * What a server said of its refusal, fit for an error of ours: it has just been sent a token and may send it back
 * (@sigstore/sign's own errors carried it), so every long word is left out.
 */
export function quoteForeign(text: string): string {
  const shown = text
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 4 * SHOWN_CHARACTERS)
  return shown.replaceAll(LONG_WORD, '…').slice(0, SHOWN_CHARACTERS)
}
