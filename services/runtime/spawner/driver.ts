import type { Socket } from 'node:net'

import type { Exit } from '../failures.ts'
import type { Capability, DriverName } from '../options.ts'
import type { CodeArrival, EnvironmentSpec, Member, ShutdownSignal } from './protocol.ts'
import type { Supervision } from './supervisor.ts'

/** Ends of the connections that were made to the service for one environment, to be inherited by its process. */
export interface Wires {
  /** Descriptor 3: the private channel or, of a runtime without one, where framed records go. */
  readonly third: Socket | undefined
  readonly output: Socket
  readonly extensions: Socket | undefined
}

/** A process tree under a driver's hand. */
export interface Sandbox {
  /** Resolves once every process of it is gone. */
  readonly exited: Promise<Exit>
  /** Shows code to a sandbox that was started without any. @throws Error where it is not that of its envelope, or not the first */
  assign(arrival: CodeArrival): Promise<void>
  freeze(): void
  thaw(): void
  stop(): void
  /** Starts the runtime, where extensions were started first. */
  runRuntime(): void
  signal(member: Member, signal: ShutdownSignal): void
  /** Joins a connection with a port inside; both end where either does. */
  connect(port: number, outside: Socket): void
  /** Anonymous memory in MB, where it can be told. */
  memoryMb(): number | undefined
}

/** A way to isolate. Chosen by what the machine offers, reported truthfully (DESIGN §8). */
export interface IsolationDriver {
  readonly name: DriverName
  /** By doing, not by looking: a real sandbox is started and asked what it sees. */
  probe(): Promise<Capability>
  start(spec: EnvironmentSpec, wires: Wires, supervision: Supervision): Promise<Sandbox>
  /** Gives back what a slot held across resets. */
  release(slot: string): Promise<void>
  close(): Promise<void>
}
