import { execFileSync, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

import { describe, expect, test } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { program, shellExtension } from '../support/extensions.ts'
import { canBubblewrap, RuntimeBench, type Files, type TreeFile } from '../support/runtime.ts'

/** Each speaks the raw Runtime API and does the same: answers its event within `{"echo":…}`, fails where the event says so. */
const SHELL = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while :; do
  event=$(curl -s -D /tmp/head "$api/invocation/next")
  id=$(sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *\\([0-9a-f-]*\\).*/\\1/p' /tmp/head)
  echo "shell has $id"
  case $event in
  *fail*) curl -s -H 'Lambda-Runtime-Function-Error-Type: Function.Broken' -d '{"errorType":"Broken","errorMessage":"as told"}' "$api/invocation/$id/error" ;;
  *) curl -s -d "{\\"echo\\":$event}" "$api/invocation/$id/response" ;;
  esac >/dev/null
done
`

const GO = `package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(api + "next")
		if err != nil {
			panic(err)
		}
		event, _ := io.ReadAll(next.Body)
		next.Body.Close()
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		fmt.Println("go has", id)
		path, body := "/response", []byte("{\\"echo\\":"+string(event)+"}")
		if bytes.Contains(event, []byte("fail")) {
			path, body = "/error", []byte("{\\"errorType\\":\\"Broken\\",\\"errorMessage\\":\\"as told\\"}")
		}
		answer, err := http.Post(api+id+path, "application/json", bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		answer.Body.Close()
	}
}
`

const RUBY = `#!/usr/bin/ruby
require 'net/http'
$stdout.sync = true
host, port = ENV['AWS_LAMBDA_RUNTIME_API'].split(':')
http = Net::HTTP.new(host, port.to_i)
http.read_timeout = nil
http.start
base = '/2018-06-01/runtime/invocation/'
loop do
  answer = http.get(base + 'next')
  id = answer['Lambda-Runtime-Aws-Request-Id']
  puts "ruby has #{id}"
  if answer.body.include?('fail')
    http.post(base + id + '/error', '{"errorType":"Broken","errorMessage":"as told"}')
  else
    http.post(base + id + '/response', "{\\"echo\\":#{answer.body}}")
  end
end
`

const JAVA = `import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;

public class Main {
  static HttpURLConnection open(String path) throws IOException {
    String api = "http://" + System.getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/";
    return (HttpURLConnection) new URL(api + path).openConnection();
  }

  public static void main(String[] args) throws IOException {
    for (;;) {
      HttpURLConnection next = open("next");
      String event = new String(next.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      String id = next.getHeaderField("Lambda-Runtime-Aws-Request-Id");
      System.out.println("java has " + id);
      boolean fail = event.contains("fail");
      HttpURLConnection answer = open(id + (fail ? "/error" : "/response"));
      answer.setDoOutput(true);
      String body = fail ? "{\\"errorType\\":\\"Broken\\",\\"errorMessage\\":\\"as told\\"}" : "{\\"echo\\":" + event + "}";
      answer.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
      answer.getInputStream().readAllBytes();
    }
  }
}
`

const has = (file: string, argument = '--version'): boolean =>
  spawnSync(file, [argument]).status === 0

/** Works in a directory of its own, with the sources in it. */
function inWorkshop<T>(sources: Readonly<Record<string, string>>, work: (dir: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-foreign-'))
  try {
    for (const [name, text] of Object.entries(sources)) writeFileSync(join(dir, name), text)
    return work(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function run(dir: string, file: string, ...args: string[]): void {
  const env = { ...process.env, CGO_ENABLED: '0', GOCACHE: join(dir, 'cache'), HOME: dir }
  execFileSync(file, args, { cwd: dir, env, stdio: 'pipe' })
}

const goFiles = (): Files =>
  inWorkshop({ 'main.go': GO }, (dir) => {
    run(dir, 'go', 'build', '-o', 'bootstrap', 'main.go')
    return { bootstrap: { content: readFileSync(join(dir, 'bootstrap')), mode: 0o100755 } }
  })

/** With a runtime of its own, as whoever brings Java to `provided` does. */
const javaFiles = (): Files =>
  inWorkshop({ 'Main.java': JAVA }, (dir) => {
    run(dir, 'javac', 'Main.java')
    run(dir, 'jlink', '--add-modules', 'java.base', '--strip-debug', '--output', 'jre')
    const files: Record<string, TreeFile> = {
      bootstrap: program(
        '#!/bin/sh\nexec /var/task/jre/bin/java -Xmx128m -XX:+UseSerialGC -cp /var/task Main\n',
      ),
      'Main.class': readFileSync(join(dir, 'Main.class')),
    }
    for (const entry of readdirSync(join(dir, 'jre'), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (!entry.isFile()) continue
      const mode = (statSync(path).mode & 0o111) === 0 ? 0o100644 : 0o100755
      files[relative(dir, path)] = { content: readFileSync(path), mode }
    }
    return files
  })

const languages: readonly (readonly [name: string, there: boolean, files: () => Files])[] = [
  ['shell', has('curl'), () => ({ bootstrap: program(SHELL) })],
  ['go', has('go', 'version'), goFiles],
  ['ruby', has('ruby') && has('/usr/bin/ruby'), () => ({ bootstrap: program(RUBY) })],
  ['java', has('javac') && has('jlink'), javaFiles],
]

for (const [name, there, files] of languages) {
  describe.skipIf(!there || !canBubblewrap)(`a bootstrap in ${name}`, () => {
    test('speaks the raw Runtime API, alone and beside an extension', async () => {
      await using bench = await RuntimeBench.open({ isolation: 'bubblewrap' })
      const options = { runtime: 'provided.al2023', memoryMb: 512, timeoutSeconds: 30 }
      const code = files()
      const alone = await bench.spec(code, options)
      const beside = await bench.spec(code, { ...options, layers: [shellExtension('sh')] })

      for (const spec of [alone, beside]) {
        const ids = [randomUUID(), randomUUID(), randomUUID()] as const
        const settled = (): Promise<void> => eventually(() => bench.runtime.stats().busy).toBe(0)
        const first = await bench.invoke(spec, { n: 1, text: 'é' }, ids[0])
        await settled()
        const failed = await bench.invoke(spec, { fail: true }, ids[1])
        await settled()
        const third = await bench.invoke(spec, { n: 3 }, ids[2])

        expect(first.json, first.tail).toEqual({ echo: { n: 1, text: 'é' } })
        expect(failed).toMatchObject({
          functionError: true,
          json: { errorType: 'Broken', errorMessage: 'as told' },
        })
        expect(third.json).toEqual({ echo: { n: 3 } })
        expect(third.tail).toContain(`${name} has ${ids[2]}`)
      }
      expect(bench.runtime.stats()).toMatchObject({ started: 2, reset: 0 })
    })
  })
}
