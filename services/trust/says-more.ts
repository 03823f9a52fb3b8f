import type { SealReport } from '../model/index.ts'

/**
 * Whether one wrapping of a signature says more than another of the same: it loses no trusted time, no log and no
 * verdict, brings nothing that cannot be checked, and verifiably adds one of them. Both were judged by the same facts.
 */
export function saysMore(report: SealReport, kept: SealReport): boolean {
  if (report.outcome === 'tampered') return false
  if (kept.outcome === 'tampered') return true
  if (kept.outcome === 'trusted' && report.outcome !== 'trusted') return false
  const pairs = [
    [timesOf(report), timesOf(kept)],
    [logsOf(report), logsOf(kept)],
  ] as const
  if (!pairs.every(([now, before]) => includesAll(now, before))) return false
  if (!includesAll(kept.unchecked, report.unchecked)) return false
  return (
    report.outcome !== kept.outcome || pairs.some(([now, before]) => now.length > before.length)
  )
}

function timesOf({ times = [] }: SealReport): string[] {
  return times.map(({ atMs, source, authority }) => `${source} ${atMs} ${authority}`)
}

function logsOf({ logs = [] }: SealReport): string[] {
  return logs.map(({ baseUrl, index }) => `${index} ${baseUrl}`)
}

function includesAll(all: readonly string[], some: readonly string[]): boolean {
  return some.every((one) => all.includes(one))
}
