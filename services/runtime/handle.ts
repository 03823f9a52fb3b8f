import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'

import type { CodelessStart } from './codeless-start.ts'
import type { Envelope } from './envelope.ts'
import type { Exit } from './failures.ts'
import type { Capability, PrewarmedStats } from './options.ts'
import type { CodeArrival, EnvironmentSpec, Member, ShutdownSignal } from './spawner/protocol.ts'

/** All that stands above the spawner ever sees of an environment (CONTRACTS, Runtime). */
export interface EnvironmentHandle {
  readonly id: string
  /** The private channel of our own bootstraps. */
  connect(): Duplex
  /** Shows its code to an environment that was started without any. @throws Error where it cannot be, or is not that of its envelope */
  assign(arrival: CodeArrival): Promise<void>
  /** Starts the runtime of an environment whose extensions were started first. */
  runRuntime(): void
  signal(member: Member, signal: ShutdownSignal): void
  /** A connection to a port inside, which ends at once where nobody listens. @throws Error once the environment has ended */
  connectInside(port: number): Promise<Duplex>
  freeze(): void
  thaw(): void
  /** Kills every process of it. Its slot (/tmp, uid, limits) stays until `Isolation.release`. */
  stop(): void
  readonly stats: { readonly maxMemoryMb: number }
  /** Resolves once the processes are gone and what they wrote has arrived. */
  readonly exited: Promise<Exit>
}

export interface StartListener {
  /** What the processes write to their output. */
  output(socket: Socket): void
  /** What extensions write to theirs. */
  extensionOutput(socket: Socket): void
  /** Where a runtime without a channel writes framed records. */
  records(socket: Socket): void
  /** The runtime or an extension ended, while the environment goes on. */
  memberEnded(member: Member, exit: Exit): void
  /** A connection to this environment's Runtime API. */
  api(socket: Socket): void
  /** A connection to its egress proxy. */
  egress(socket: Socket): void
}

export interface StartRequest extends Omit<EnvironmentSpec, 'id' | 'tokens'> {
  /** How it may be started before its code is known, and what it is told then; nothing where it has to be started from nothing. */
  readonly assignment?: Assignment | undefined
}

export interface Assignment {
  readonly codeless: CodelessStart
  readonly envelope: Envelope
}

/** Isolation as the service sees it, whichever driver does it. */
export interface Isolation extends AsyncDisposable {
  readonly capability: Capability
  /** @throws PlatformError UNAVAILABLE */
  start(request: StartRequest, listener: StartListener): Promise<EnvironmentHandle>
  /** Gives a slot back; resolves once nothing of it is left on the machine. */
  release(slot: string): Promise<void>
  readonly prewarmed: PrewarmedStats
}
