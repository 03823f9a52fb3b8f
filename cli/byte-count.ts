const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** `31.4 MB`, by thousands, as disks and AWS count. */
export function byteCount(sizeBytes: number): string {
  let [amount, unit] = [sizeBytes, 0]
  while (amount >= 999.95 && unit < UNITS.length - 1) {
    amount /= 1_000
    unit += 1
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${UNITS[unit]}`
}
