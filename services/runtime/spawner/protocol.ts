import type { Envelope } from '../envelope.ts'
import type { Exit } from '../failures.ts'
import type { Interpreters } from '../interpreters.ts'
import type { Capability, DriverName } from '../options.ts'

/**
 * What service and spawner say to each other: JSON in length-prefixed frames over one socket. The bytes of an environment
 * never pass through here: its channel and its output are sockets of their own between service and environment.
 */
export interface SpawnerConfig {
  readonly driver: 'auto' | DriverName
  /** The service's unix socket that channels, outputs and Runtime API connections are made to. */
  readonly listenerPath: string
  /** A directory of this runtime's own, root-only. */
  readonly runDir: string
  readonly bootstrapsDir: string
  readonly interpreters: Interpreters
  /** In [0, 1): which block of uids this spawner gives out. */
  readonly uidFraction: number
}

export type Wire = 'frames' | 'http'

/** One of what an environment runs: the runtime, or an extension by its place in the list. */
export type Member = 'runtime' | number
export type ShutdownSignal = 'SIGTERM' | 'SIGKILL'

/** One process tree to start: plain JSON. Paths within `command` and `environment` are those of the sandbox. */
export interface EnvironmentSpec {
  readonly id: string
  /** What outlives a reset: /tmp, uid, limits. */
  readonly slot: string
  readonly command: readonly string[]
  readonly variables: Readonly<Record<string, string>>
  readonly platformPaths: readonly string[]
  /** The host's path of what runs the release: it stands in `/var/lang/bin` for its language. */
  readonly interpreter?: string | undefined
  readonly wire: Wire
  /** Whether the Runtime API listens inside, for the runtime or for extensions. */
  readonly api: boolean
  /** Whether the egress proxy listens inside; in a namespace of its own alone. */
  readonly egress: boolean
  /** Programs to start before the runtime: paths of the sandbox. */
  readonly extensions: readonly string[]
  /** Names of variables that extensions do not see. */
  readonly runtimeOnly: readonly string[]
  /** Prepared trees on the host: /var/task (one without code gets it by `assign`), and what is stacked under /opt, lowest first. */
  readonly codeDir: string | undefined
  readonly layerDirs: readonly string[]
  readonly memoryMb: number
  readonly ephemeralMb: number
  /** The words by which the service knows the connections of this environment. */
  readonly tokens: {
    readonly channel: string
    readonly output: string
    /** What extensions write. */
    readonly extensions: string
    /** Framed records of a runtime that has no channel. */
    readonly records: string
    readonly api: string
    readonly egress: string
  }
}

/** The code of an environment that was started without any, and what it is from now on. */
export interface CodeArrival {
  readonly codeDir: string
  readonly envelope: Envelope
}

export type Request =
  | { readonly kind: 'configure'; readonly config: SpawnerConfig }
  | { readonly kind: 'start'; readonly spec: EnvironmentSpec }
  | { readonly kind: 'assign'; readonly id: string; readonly arrival: CodeArrival }
  | { readonly kind: 'stop'; readonly id: string }
  | { readonly kind: 'freeze'; readonly id: string }
  | { readonly kind: 'thaw'; readonly id: string }
  | { readonly kind: 'run-runtime'; readonly id: string }
  | {
      readonly kind: 'signal'
      readonly id: string
      readonly member: Member
      readonly signal: ShutdownSignal
    }
  /** Joins a connection to the service, known by its token, with a port inside. */
  | {
      readonly kind: 'connect'
      readonly id: string
      readonly port: number
      readonly token: string
    }
  | { readonly kind: 'release'; readonly slot: string }

export type Notice =
  | { readonly kind: 'configured'; readonly capability: Capability }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'started'; readonly id: string }
  | { readonly kind: 'failed'; readonly id: string; readonly message: string }
  /** Its code is there; `refused` says why it is not. */
  | { readonly kind: 'assigned'; readonly id: string; readonly refused?: string | undefined }
  | { readonly kind: 'memory'; readonly id: string; readonly memoryMb: number }
  | {
      readonly kind: 'member-ended'
      readonly id: string
      readonly member: Member
      readonly exit: Exit
    }
  | { readonly kind: 'exited'; readonly id: string; readonly exit: Exit }
  | { readonly kind: 'released'; readonly slot: string }

/** First byte of a connection to the service, before the token. */
export const HELLO = {
  channel: 'C', output: 'O', extensions: 'X', records: 'L', api: 'A', egress: 'E', inside: 'I',
} as const // prettier-ignore
export type HelloKind = keyof typeof HELLO
export const TOKEN_CHARS = 32
/** The service's answer to a hello it knows; nothing is forwarded before. */
export const HELLO_ACK = 0x06
