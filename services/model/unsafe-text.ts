/** Controls, bidi and other format characters and separators: what could make a terminal show something else (RULES §10). */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Foreign text with such characters as \u escapes, but those that are spared. */
export function escapeUnsafe(text: string, spared: string): string {
  return text.replace(UNSAFE, (char) => {
    if (spared.includes(char)) return char
    const units = Array.from({ length: char.length }, (_, at) => char.charCodeAt(at))
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
  })
}
