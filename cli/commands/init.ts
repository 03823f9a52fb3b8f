import type { Command } from 'commander'
import { Option } from 'commander'

import type { CommandModule } from '../command.ts'
import { CI_KINDS, makeProject, type CiKind } from '../project.ts'
import { inline, type Terminal } from '../terminal.ts'

interface InitOptions {
  readonly function: string
  readonly ci: CiKind
}

const HELP = `
Nothing that is there already is touched: where one of the files exists, none is written.

Examples:
  lacre init hello
  lacre init hello --function greeting --ci gitlab

Exit codes: 0 made, 2 usage, 3 a file is there already.`

export const command: CommandModule = {
  name: 'init',
  summary: 'begin a project: a function, policies with their cases, a CI workflow that signs',
  configure(command: Command, terminal: Terminal): void {
    command
      .argument('[directory]', 'made where it is not there', '.')
      .option('--function <name>', 'what the function is called', 'hello')
      .addOption(new Option('--ci <kind>', 'which CI').choices(CI_KINDS).default('github'))
      .addHelpText('after', HELP)
      .action((directory: string, options: InitOptions) => {
        const files = makeProject({ directory, name: options.function, ci: options.ci })
        terminal.say(`next: cd ${inline(directory)}, and the commands of its README.md`)
        terminal.result({ directory, files }, files.map(inline).join('\n'))
      })
  },
}
