import type { Command } from 'commander'

import type { Terminal } from './terminal.ts'

/** The environment variables, read once in `main.ts` and handed down. */
export type Environment = Readonly<Record<string, string | undefined>>

/** One verb of `lacre`, in a file of its own that is imported only when the verb is called. */
export interface CommandModule {
  readonly name: string
  readonly summary: string
  /** Declares arguments, options and the action (or subcommands) on the verb's commander command. */
  configure(command: Command, terminal: Terminal, environment: Environment): void
}

/** A row of the table in `main.ts`. */
export interface CommandRow {
  readonly name: string
  readonly summary: string
  load(): Promise<{ readonly command: CommandModule }>
}
