import type { Files, TreeFile } from './runtime.ts'

/** An executable file of a package. */
export function program(content: string): TreeFile {
  return { content, mode: 0o100755 }
}

/**
 * An extension in shell with curl, as its own author would write it: registers, then takes events and notes each in
 * /tmp/NAME, which a function reads. `body` may use $id and $api, and sets what happens beside it by these words of its own:
 * `on_invoke` and `on_shutdown` get the event's JSON.
 */
export function shellExtension(
  name: string,
  options: {
    readonly events?: readonly string[]
    readonly init?: string
    readonly onInvoke?: string
    readonly onShutdown?: string
  } = {},
): Files {
  const { events = ['INVOKE', 'SHUTDOWN'], init = '', onInvoke = ':', onShutdown = ':' } = options
  return {
    [`extensions/${name}`]: program(`#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension"
dir="\${TMPDIR:-/tmp}"
note() { echo "$*" >> "$dir/${name}"; }
curl -s -D $dir/${name}.head -o $dir/${name}.registered -H 'Lambda-Extension-Name: ${name}' \\
  -d '${JSON.stringify({ events })}' "$api/register"
id=$(sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: *\\([0-9a-f-]*\\).*/\\1/p' $dir/${name}.head)
note "registered $(cat $dir/${name}.registered)"
${init}
while event=$(curl -s -H "Lambda-Extension-Identifier: $id" "$api/event/next"); do
  note "$event"
  case $event in
  *'"eventType":"INVOKE"'*) ${onInvoke} ;;
  *'"eventType":"SHUTDOWN"'*) ${onShutdown}; exit 0 ;;
  *) exit 9 ;;
  esac
done
`),
  }
}

/** A Node function that answers what the file of an extension holds, line by line, and its own process. */
export const readsNotes: Files = {
  'index.js': `const fs = require('fs')
exports.handler = async (event) => {
  if (event.sleepMs) await new Promise((resolve) => setTimeout(resolve, event.sleepMs))
  if (event.exit !== undefined) process.exit(event.exit)
  const read = (name) => fs.existsSync('/tmp/' + name) ? fs.readFileSync('/tmp/' + name, 'utf8').trim().split('\\n') : []
  return { notes: read(event.file ?? 'sh'), pid: process.pid, env: event.env ? process.env : undefined }
}
`,
}
