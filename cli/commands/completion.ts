import { Argument } from 'commander'

import { SHELLS, commandWords, completionScript, type Shell } from '../completion/index.ts'
import type { CommandModule, CommandRow } from '../command.ts'

const HELP = `
Examples:
  source <(lacre completion bash)
  lacre completion zsh > "\${fpath[1]}/_lacre"
  lacre completion fish > ~/.config/fish/completions/lacre.fish`

/** Over the table that it is itself a row of. */
export function completionOf(table: readonly CommandRow[]): CommandModule {
  return {
    name: 'completion',
    summary: 'a script that completes lacre in bash, zsh or fish',
    configure(command, terminal) {
      command
        .addArgument(new Argument('<shell>').choices(SHELLS))
        .addHelpText('after', HELP)
        .action(async (shell: Shell) => {
          const script = completionScript(shell, await commandWords(table))
          terminal.result({ shell, script }, script.trimEnd())
        })
    },
  }
}
