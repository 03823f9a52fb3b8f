import { closeSync, readdirSync, readFileSync } from 'node:fs'

/** O_CLOEXEC as /proc/PID/fdinfo shows it, octal. */
const CLOSE_ON_EXEC = 0o2000000

/**
 * Closes every descriptor above `last` that a child would inherit. Node marks its own; what is left came from whoever
 * started the service (a shell's pipe, a supervisor's socket), and a function must not find it (RULES §8).
 */
export function closeStrays(last: number): void {
  for (const name of listOpen()) {
    const fd = Number(name)
    if (fd <= last) continue
    try {
      const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
      if (flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0) closeSync(fd)
    } catch {
      // the directory's own, closed by now
    }
  }
}

function listOpen(): string[] {
  try {
    return readdirSync('/proc/self/fd')
  } catch {
    return []
  }
}
