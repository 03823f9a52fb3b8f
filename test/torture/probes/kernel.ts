// System calls that reach for namespaces, other processes, the kernel or the machine: raw, by their numbers on x86-64.
import { HOSTILE_CALLS, SYSCALLS } from '../../support/sandbox-probes.ts'
import { pythonProbe, toldBy, unlike, UNSHOWN, type Probe } from './probe.ts'

/** Where the machine's own walls (a container's) give the same answer, a call shows nothing of ours. */
const isShown = (result: unknown): boolean => result !== 'EPERM' && result !== 'ENOSYS'

const calls = pythonProbe({
  name: `${Object.keys(HOSTILE_CALLS).length} system calls by number`,
  code: SYSCALLS,
  event: () => ({ calls: { ...HOSTILE_CALLS, getpid: [39] } }),
  outsideEvent: () => ({ apart: true }),
  escaped: (outcome) =>
    unlike(toldBy(outcome), (name, result) => {
      if (name === 'getpid') return result === 'ok'
      return result === (name === 'clone3' ? 'ENOSYS' : 'EPERM')
    }),
  works: (told) => {
    const hidden = Object.keys(HOSTILE_CALLS).filter((name) => !isShown(told[name]))
    if (hidden.length > 0)
      console.log(`         refused by this machine itself: ${hidden.join(' ')}`)
    return hidden.length < Object.keys(HOSTILE_CALLS).length / 2 ? true : UNSHOWN
  },
})

export const kernel: readonly Probe[] = process.arch === 'x64' ? [calls] : []
