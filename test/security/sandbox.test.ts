import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { eventually } from '../support/eventually.ts'
import {
  canBubblewrap,
  canRun,
  nodeFunction,
  RuntimeBench,
  type Files,
} from '../support/runtime.ts'
import {
  HOSTILE_CALLS,
  leftovers,
  NOTHING,
  probing,
  sandboxProcesses,
  spawnerPid,
  SYSCALLS,
} from '../support/sandbox-probes.ts'

for (const isolation of ['bubblewrap', 'crun'] as const) {
  const where = describe.skipIf(!canRun(isolation))
  where(`sandbox, ${isolation}`, () => holds(isolation, 0))
  where(`sandbox that was started before its code was known, ${isolation}`, () =>
    holds(isolation, 1),
  )
}

function holds(isolation: 'bubblewrap' | 'crun', prewarmed: number): void {
  let bench: RuntimeBench
  beforeAll(async () => {
    bench = await RuntimeBench.open({
      isolation,
      requireIsolation: true,
      maxEnvironments: 8,
      prewarmed,
    })
  })
  afterAll(async () => {
    if (prewarmed > 0) expect(bench.runtime.stats().prewarmed.assigned).toBeGreaterThan(8)
    await bench[Symbol.asyncDispose]()
  })

  const probe = async (
    expressions: Readonly<Record<string, string>>,
    options: Parameters<RuntimeBench['spec']>[1] = {},
  ): Promise<Record<string, unknown>> => {
    const spec = await bench.spec({ 'index.js': probing(expressions) }, options)
    const outcome = await bench.invoke(spec)
    expect(outcome.functionError, outcome.text).toBe(false)
    return outcome.json as Record<string, unknown>
  }

  test('isolation is reported full, and nothing is missing', () => {
    expect(bench.runtime.capability).toEqual({
      driver: isolation,
      isolation: 'full',
      missing: [],
      freezer: true,
      customRuntimes: true,
      prewarming: true,
    })
  })

  test('no capability, no new privileges, seccomp in force, and neither host uid 0 nor the service’s', async () => {
    const spec = await bench.spec(
      nodeFunction(`const s = require('fs').readFileSync('/proc/self/status', 'utf8')
        return { uid: process.getuid(), gid: process.getgid(), groups: process.getgroups(),
          status: Object.fromEntries(s.split('\\n').map((l) => l.split(/:\\s*/))), wait: await new Promise((r) => setTimeout(() => r(1), event.ms)) }`),
    )
    const running = bench.invoke(spec, { ms: 1_500 })
    await eventually(() => sandboxProcesses(bench.uidFraction).length).toBeGreaterThan(0)
    const hostUids = sandboxProcesses(bench.uidFraction).map((pid) => statSync(`/proc/${pid}`).uid)
    const { json } = await running

    expect(json).toMatchObject({
      uid: 993,
      gid: 990,
      status: {
        CapEff: '0000000000000000',
        CapPrm: '0000000000000000',
        CapBnd: '0000000000000000',
        NoNewPrivs: '1',
        Seccomp: '2',
      },
    })
    for (const uid of hostUids) expect(uid).toBeGreaterThanOrEqual(1_900_000_000)
  })

  test('the data directory, the host’s files and other processes are not there', async () => {
    const found = await probe({
      data: `return fs.readdirSync(${JSON.stringify(bench.dataDir)})`,
      root: `return fs.readdirSync('/').sort().join(' ')`,
      shadow: `return fs.readFileSync('/etc/shadow', 'utf8')`,
      home: `return fs.readdirSync('/root')`,
      stage: `return fs.readdirSync('/mnt')`,
      sys: `return fs.readdirSync('/sys')`,
      parent: `return fs.readFileSync('/proc/1/environ', 'utf8')`,
      pids: `return fs.readdirSync('/proc').filter((n) => /^\\d+$/.test(n)).length`,
      kcore: `return fs.readFileSync('/proc/kcore').length`,
      disk: `return cp.execFileSync('/bin/sh', ['-c', 'mknod /tmp/disk b 254 0 && head -c1 /tmp/disk'], { stdio: 'pipe' }).length`,
    })

    expect(found).toMatchObject({
      data: 'ERR ENOENT',
      root: 'bin dev etc lib lib64 opt proc sbin tmp usr var',
      shadow: 'ERR ENOENT',
      home: 'ERR ENOENT',
      stage: 'ERR ENOENT',
      sys: 'ERR ENOENT',
      kcore: expect.stringMatching(/^ERR/),
      disk: expect.stringMatching(/^ERR/),
    })
    // Sandbox's own: its first process and the function, with what it started.
    expect(found['pids']).toBeLessThanOrEqual(4)
    // The first process of the sandbox knows a PATH and no more; crun says where home is.
    expect(found['parent']).toMatch(/^(?:(?:PATH|PWD|OLDPWD)=[^\0]*\0|HOME=\/tmp\0)*$/)
  })

  test('/var/task, /opt, /var/runtime, /usr, /etc and / cannot be written, /tmp can', async () => {
    const write = (path: string): string => `fs.writeFileSync('${path}/x', ''); return 'written'`
    const found = await probe(
      {
        task: write('/var/task'),
        opt: write('/opt'),
        runtime: write('/var/runtime'),
        usr: write('/usr'),
        etc: write('/etc'),
        root: write(''),
        dev: write('/dev'),
        shm: write('/dev/shm'),
        handler: `fs.renameSync('/var/task/index.js', '/var/task/y.js'); return 'renamed'`,
        chmod: `fs.chmodSync('/var/task/index.js', 0o777); return 'changed'`,
        link: `fs.linkSync('/var/task/index.js', '/tmp/hard'); return 'linked'`,
        temporary: write('/tmp'),
      },
      { layers: [{ 'lib/a': '1' }] },
    )

    const { temporary, link, ...others } = found
    expect(temporary).toBe('written')
    expect(link).toBe('ERR EXDEV')
    for (const [name, result] of Object.entries(others))
      expect([name, result]).toEqual([name, 'ERR EROFS'])
  })

  test('the network is its own loopback: host ports, metadata, other sandboxes and abstract sockets are out of reach', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    const abstract = createServer().listen('\0lacre-test-abstract')
    await Promise.all([once(server, 'listening'), once(abstract, 'listening')])
    const { port } = server.address() as { port: number }

    const found = await probe({
      host: `return connect({ host: '127.0.0.1', port: ${port} })`,
      metadata: `return connect({ host: '169.254.169.254', port: 80 })`,
      outside: `return connect({ host: '1.1.1.1', port: 53 })`,
      runtimeApi: `return connect({ host: '127.0.0.1', port: 9001 })`,
      abstract: `return connect('\\0lacre-test-abstract')`,
      interfaces: `return Object.keys(os.networkInterfaces()).join()`,
    })

    server.close()
    abstract.close()
    expect(found).toEqual({
      host: 'ERR ECONNREFUSED',
      metadata: 'ERR ENETUNREACH',
      outside: 'ERR ENETUNREACH',
      runtimeApi: 'ERR ECONNREFUSED',
      abstract: 'ERR ECONNREFUSED',
      interfaces: 'lo',
    })
  })

  test('nothing is inherited but the output and the private channel', async () => {
    const spec = await bench.spec(
      {
        'app.py': `import os
def handler(event, context):
    out = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            out[fd] = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            pass  # the directory's own, closed by now
    return out
`,
      },
      { runtime: 'python3.11', handler: 'app.handler' },
    )

    const open = (await bench.invoke(spec)).json as Record<string, string>

    expect(Object.keys(open).sort()).toEqual(['0', '1', '2', '3'])
    expect(open['0']).toBe('/dev/null')
    for (const fd of ['1', '2', '3']) expect(open[fd]).toMatch(/^socket:/)
  })

  test('system calls that reach for namespaces, other processes, the kernel or the machine are refused', async () => {
    const spec = await bench.spec(
      { 'app.py': SYSCALLS },
      { runtime: 'python3.11', handler: 'app.handler' },
    )
    const calls = { ...HOSTILE_CALLS, getpid: [39], route_netlink: [41, 16, 3, 0] }

    const found = (await bench.invoke(spec, { calls })).json as Record<string, string>

    const { clone3, getpid, route_netlink: route, ...refused } = found
    expect([clone3, getpid, route]).toEqual(['ENOSYS', 'ok', 'ok'])
    for (const [name, result] of Object.entries(refused))
      expect([name, result]).toEqual([name, 'EPERM'])
  })

  test('a fork bomb stops at the pids limit and dies with its invocation', async () => {
    const spec = await bench.spec(
      {
        'app.py': `import os, time
def handler(event, context):
    n = 0
    try:
        while True:
            if os.fork() == 0:
                time.sleep(100)
            n += 1
    except OSError as e:
        return {"children": n, "errno": e.errno}
`,
      },
      {
        runtime: 'python3.11',
        handler: 'app.handler',
        timeoutSeconds: 20,
        memoryMb: 3_008,
        functionId: 'fn-bomb',
      },
    )

    const { json } = await bench.invoke(spec)

    expect(json).toMatchObject({ errno: 11 })
    expect((json as { children: number }).children).toBeLessThan(1_024)
    const before = sandboxProcesses(bench.uidFraction).length
    expect(before).toBeGreaterThan(100)
    await bench.runtime.retire('fn-bomb', '1')
    await eventually(() => sandboxProcesses(bench.uidFraction).length).toBeLessThan(before - 100)
  })

  test('memory over the limit is killed, and answers Runtime.ExitError', async () => {
    const spec = await bench.spec(
      nodeFunction(
        `const all = []; for (;;) { all.push(Buffer.alloc(8 << 20, 1)); await new Promise((r) => setTimeout(r, 5)) }`,
      ),
      { memoryMb: 128, timeoutSeconds: 20 },
    )

    const outcome = await bench.invoke(spec)

    expect(outcome.json).toMatchObject({ errorType: 'Runtime.ExitError' })
    expect(outcome.text).toContain('Runtime exited with error: signal: killed')
    expect(outcome.durationMs).toBeLessThan(15_000)
  })

  test('/tmp holds what it is sized for and not more, whatever the memory is', async () => {
    const found = await probe(
      {
        fits: `fs.writeFileSync('/tmp/a', Buffer.alloc(300 << 20)); return fs.statSync('/tmp/a').size`,
        over: `fs.writeFileSync('/tmp/b', Buffer.alloc(300 << 20)); return 'written'`,
        inodes: `fs.rmSync('/tmp/b', { force: true }); let n = 0; try { for (;;) fs.writeFileSync('/tmp/i' + n++, '') } catch (e) { return e.code }`,
      },
      { memoryMb: 640, ephemeralMb: 512, timeoutSeconds: 60 },
    )

    expect(found).toEqual({ fits: 300 * 1_048_576, over: 'ERR ENOSPC', inodes: 'ENOSPC' })
  })

  test('descriptors are limited and no core is dumped', async () => {
    const found = await probe({
      limits: `return fs.readFileSync('/proc/self/limits', 'utf8')`,
      files: `const all = []; try { for (;;) all.push(fs.openSync('/dev/null')) } catch (e) { all.forEach((f) => fs.closeSync(f)); return e.code }`,
    })

    expect(found['limits']).toMatch(/Max open files\s+1024\s+1024/)
    expect(found['limits']).toMatch(/Max core file size\s+0\s+0/)
    expect(found['files']).toBe('EMFILE')
  })

  test('what a function leaves running is frozen between invocations', async () => {
    const spec = await bench.spec({
      'index.js': `let ticks = 0
      setInterval(() => { ticks += 1 }, 5)
      exports.handler = async () => ticks\n`,
    })
    const first = Number((await bench.invoke(spec)).text)
    await new Promise((resolve) => setTimeout(resolve, 600))

    const second = Number((await bench.invoke(spec)).text)

    // 600 ms thawed would be 120 ticks.
    expect(second - first).toBeLessThan(20)
  })

  test('a process that outlives its handler dies with the environment', async () => {
    await using own = await RuntimeBench.open({ isolation })
    const spec = await own.spec(
      nodeFunction(
        `require('child_process').spawn('/bin/sh', ['-c', 'setsid sleep 1000 & setsid sleep 1000'], { detached: true, stdio: 'ignore' }).unref(); return 1`,
      ),
      { functionId: 'fn-daemon' },
    )
    const before = sandboxProcesses(own.uidFraction).length
    await own.invoke(spec)
    expect(sandboxProcesses(own.uidFraction).length).toBeGreaterThan(before)

    await own.runtime.retire('fn-daemon', '1')

    await eventually(() => sandboxProcesses(own.uidFraction).length).toBe(before)
  })

  test('a function cannot answer for another request: a forged id ends its environment', async () => {
    const spec = await bench.spec(
      nodeFunction(`const fs = require('fs'); const body = Buffer.from('\\x02' + '00000000-0000-4000-8000-000000000000' + '"forged"', 'latin1')
        const length = Buffer.alloc(4); length.writeUInt32LE(body.length); fs.writeSync(3, Buffer.concat([length, body])); await new Promise((r) => setTimeout(r, 3000))`),
    )

    const outcome = await bench.invoke(spec)

    expect(outcome.functionError).toBe(true)
    expect(outcome.text).not.toContain('forged')
  })

  test('a frame that claims gigabytes ends its environment at once', async () => {
    const spec = await bench.spec(
      nodeFunction(
        `require('fs').writeSync(3, Buffer.from([255, 255, 255, 255])); await new Promise((r) => setTimeout(r, 5000))`,
      ),
    )

    const outcome = await bench.invoke(spec)

    expect(outcome.json).toMatchObject({ errorType: 'Runtime.ExitError' })
    expect(outcome.durationMs).toBeLessThan(4_000)
  })

  test('loader variables reach the function alone', async () => {
    const marker = 'LACRE_LOADED'
    const spec = await bench.spec(
      nodeFunction(`return { options: process.execArgv.length, node: process.env.NODE_OPTIONS, loaded: global.${marker}, preload: process.env.LD_PRELOAD,
        one: require('fs').readFileSync('/proc/1/environ', 'utf8') }`),
      {
        environment: {
          NODE_OPTIONS: `--import=data:text/javascript,global.${marker}=process.pid`,
          LD_PRELOAD: '/var/task/none.so',
        },
      },
    )

    const outcome = await bench.invoke(spec)

    const { loaded, one } = outcome.json as { loaded: number; one: string }
    expect(loaded).toBeGreaterThan(1)
    expect(one).not.toContain('NODE_OPTIONS')
  })

  test('a prepared tree changed on the disk is found before it runs, set aside and prepared again', async () => {
    const spec = await bench.spec(nodeFunction('return "admitted"'))
    await bench.runtime.prepare(spec)
    const file = join(bench.dataDir, 'prepared', spec.code.codeSha256, 'tree/index.js')
    chmodSync(file, 0o644)
    writeFileSync(file, 'exports.handler = async () => "forged"\n')

    const outcome = await bench.invoke(spec)

    expect(outcome.text).toBe('"admitted"')
    const aside = readdirSync(join(bench.dataDir, 'prepared')).filter((name) =>
      name.startsWith(`changed-${spec.code.codeSha256}`),
    )
    expect(aside).toHaveLength(1)
  })

  test('what runs from a tree that was changed is stopped once that is found', async () => {
    const spec = await bench.spec(nodeFunction('return process.pid'), { functionId: 'fn-changed' })
    await bench.invoke(spec)
    const before = bench.runtime.stats()
    appendFileSync(join(bench.dataDir, 'prepared', spec.code.codeSha256, 'tree/index.js'), '\n')

    const changed = await bench.runtime.verifyPrepared()

    expect(changed).toEqual([spec.code.codeSha256])
    expect(bench.runtime.stats().environments).toBe(before.environments - 1)
    expect((await bench.invoke(spec)).functionError).toBe(false)
  })

  test('verifyPrepared names a changed, an added-to and a re-recorded tree', async () => {
    const specs = await Promise.all(
      ['a', 'b'].map((text) => bench.spec(nodeFunction(`return '${text}'`))),
    )
    for (const spec of specs) await bench.runtime.prepare(spec)
    const treeOf = (index: number): string =>
      join(bench.dataDir, 'prepared', specs[index]?.code.codeSha256 ?? '', 'tree')
    appendFileSync(join(treeOf(0), 'index.js'), '\n')
    writeFileSync(join(treeOf(1), 'more.js'), '')

    const changed = await bench.runtime.verifyPrepared()

    expect([...changed].sort()).toEqual(specs.map(({ code }) => code.codeSha256 as string).sort())
    expect(existsSync(treeOf(0))).toBe(false)
  })

  test('an environment serves the decision and the bytes that it was started for, and no others', async () => {
    const body = (text: string): Files =>
      nodeFunction(`global.calls = (global.calls ?? 0) + 1; return ['${text}', global.calls]`)
    const spec = await bench.spec(body('admitted'), { functionId: 'fn-stamp' })
    const other = await bench.spec(body('other'))

    const first = await bench.invoke(spec)
    const again = await bench.invoke(spec)
    const decided = await bench.invoke({ ...spec, decisionId: 'dec-2' })
    // As a fault might hand it over: the name of one release, the bytes of another.
    const bytes = await bench.invoke({ ...spec, code: other.code })

    expect([first.json, again.json]).toEqual([
      ['admitted', 1],
      ['admitted', 2],
    ])
    expect(decided.json).toEqual(['admitted', 1])
    expect(bytes.json).toEqual(['other', 1])
  })

  test('a blob that is not what was admitted, or not its tree, is never unpacked for use', async () => {
    const spec = await bench.spec(nodeFunction('return 1'))
    const other = await bench.spec(nodeFunction('return 2'))
    const forgedTree = { ...spec, code: { ...spec.code, tree: other.code.tree } }
    writeFileSync(
      join(bench.dataDir, 'test-blobs', other.code.codeSha256),
      readFileSync(join(bench.dataDir, 'test-blobs', spec.code.codeSha256)),
    )

    await expect(bench.runtime.prepare(forgedTree)).rejects.toMatchObject({
      code: 'ACTIVATION_FAILED',
    })
    await expect(bench.invoke(other)).rejects.toMatchObject({ code: 'ACTIVATION_FAILED' })
    expect(existsSync(join(bench.dataDir, 'prepared', other.code.codeSha256))).toBe(false)
  })

  test('a directory in one layer and a link or file in another is refused', async () => {
    const layers: Files[] = [
      { 'lib/a.js': '' },
      { lib: { content: 'elsewhere', mode: 0o120777 }, elsewhere: '' },
    ]
    const spec = await bench.spec(nodeFunction('return 1'), { layers })

    await expect(bench.runtime.prepare(spec)).rejects.toMatchObject({
      code: 'ACTIVATION_FAILED',
      message: '`lib` is a directory in one layer and a file or link in another',
    })
  })

  test('two sandboxes share no /tmp, no uid and no processes', async () => {
    const body = `const fs = require('fs'); const before = fs.readdirSync('/tmp'); fs.writeFileSync('/tmp/' + event.name, '')
      await new Promise((r) => setTimeout(r, 400)); return { before, after: fs.readdirSync('/tmp') }`
    const one = await bench.spec(nodeFunction(body))
    const two = await bench.spec(nodeFunction(`${body} /* two */`))

    const [first, second] = await Promise.all([
      bench.invoke(one, { name: 'a' }),
      bench.invoke(two, { name: 'b' }),
    ])

    expect(first.json).toEqual({ before: [], after: ['a'] })
    expect(second.json).toEqual({ before: [], after: ['b'] })
  })

  test('variables come as they are, and nothing else does', async () => {
    const environment = { QUOTED: 'olá "x" $y\n\\z\\n', IFS: '0123', EMPTY: '', HOME: '/tmp/x' }
    const body = nodeFunction('return process.env')

    const found = (await bench.invoke(await bench.spec(body, { environment }))).json
    const plain = (await bench.invoke(await bench.spec(body))).json

    expect(found).toMatchObject(environment)
    expect(Object.keys(plain as object)).not.toContain('HOME')
    expect({ ...(plain as object), ...environment }).toEqual({
      ...(found as object),
      AWS_LAMBDA_LOG_STREAM_NAME: expect.any(String),
    })
  })

  test('devices of the host keep their owner, and what a function orphans is reaped', async () => {
    const owners = ['null', 'zero', 'tty', 'urandom'].map((name) => statSync(`/dev/${name}`).uid)
    const found = await probe({
      zombies: `cp.execFileSync('/bin/sh', ['-c', '(true & true & true &) ; (sleep 0.05 &) ; true'])
        await new Promise((r) => setTimeout(r, 300))
        return fs.readdirSync('/proc').filter((n) => /^\\d+$/.test(n)).filter((n) => / Z /.test(fs.readFileSync('/proc/' + n + '/stat', 'utf8'))).length`,
    })

    expect(found).toEqual({ zombies: 0 })
    expect(owners).toEqual([0, 0, 0, 0])
  })
}

/** Whoever is not here is told of above. */
const here = (['bubblewrap', 'crun'] as const).filter(canRun)

describe.skipIf(!canBubblewrap)('what is left behind', () => {
  test.each(here)(
    'nothing of %s, after the runtime is closed: no process, no cgroup, no mount, no run directory',
    async (isolation) => {
      const bench = await RuntimeBench.open({ isolation })
      const spec = await bench.spec(nodeFunction('return 1'), { layers: [{ a: '1' }, { b: '2' }] })
      await bench.invoke(spec)
      const running = bench.invoke(
        await bench.spec(nodeFunction('await new Promise((r) => setTimeout(r, 9000))')),
      )
      const ended = expect(running).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      await eventually(() => bench.runtime.stats().busy).toBe(1)

      await bench.runtime[Symbol.asyncDispose]()

      await ended
      expect(readdirSync(join(bench.dataDir, 'run'))).toEqual([])
      await bench[Symbol.asyncDispose]()
      await eventually(() => leftovers(bench.uidFraction)).toEqual(NOTHING)
    },
  )

  test.each([
    ['bubblewrap', 0, 'running'],
    ['process', 0, 'running'],
    // With one that runs and two that wait for their code.
    ['bubblewrap', 2, 'prewarmed'],
    ['crun', 0, 'running'],
    ['crun', 2, 'prewarmed'],
  ] as const)(
    'nothing of %s with %d pre-warmed, after the service is killed with SIGKILL',
    async (isolation, prewarmed, said) => {
      if (!canRun(isolation)) return
      await using bench = await RuntimeBench.open({ isolation: 'process' })
      const spec = await bench.spec(nodeFunction(`console.log('running'); for (;;);`), {
        timeoutSeconds: 60,
      })
      const uidFraction = Math.random()
      const options = {
        dataDir: join(bench.dataDir, 'host'),
        blobDir: join(bench.dataDir, 'test-blobs'),
        isolation,
        spec,
        uidFraction,
        prewarmed,
      }
      const host = spawn(
        process.execPath,
        [join(import.meta.dirname, '../support/runtime-host.mjs'), JSON.stringify(options)],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      )
      for await (const chunk of host.stdout as AsyncIterable<Buffer>)
        if (chunk.includes(said)) break
      expect(sandboxProcesses(uidFraction).length).toBeGreaterThan(0)

      host.kill('SIGKILL')

      await eventually(() => leftovers(uidFraction)).toEqual(NOTHING)
    },
  )

  test('nothing of process, of what left its process group before its environment was stopped', async () => {
    await using bench = await RuntimeBench.open({ isolation: 'process' })
    const daemon = `require('child_process').spawn('/bin/sh', ['-c', 'setsid sleep 1000 & setsid sleep 1000'], { detached: true, stdio: 'ignore' }).unref(); return 1`
    await bench.invoke(await bench.spec(nodeFunction(daemon), { functionId: 'fn-daemon' }))
    await eventually(() => sandboxProcesses(bench.uidFraction).length).toBeGreaterThan(2)

    await bench.runtime.retire('fn-daemon', '1')

    await eventually(() => sandboxProcesses(bench.uidFraction)).toEqual([])
  })

  test.each(here)(
    'nothing of %s, after the spawner is killed with SIGKILL, and the runtime goes on',
    async (isolation) => {
      await using bench = await RuntimeBench.open({ isolation })
      const spec = await bench.spec(
        nodeFunction(`console.log('running'); await new Promise((r) => setTimeout(r, event.ms))`),
        { timeoutSeconds: 30 },
      )
      const running = bench.invoke(spec, { ms: 20_000 })
      await eventually(() => bench.lines.some((line) => line.includes('running'))).toBe(true)

      process.kill(spawnerPid(), 'SIGKILL')

      expect((await running).json).toMatchObject({ errorType: 'Runtime.ExitError' })
      await eventually(() => sandboxProcesses(bench.uidFraction)).toEqual([])
      expect((await bench.invoke(spec, { ms: 1 })).text).toBe('null')
    },
  )

  test.skipIf(!canRun('crun'))(
    'nothing of a container that ended by itself or was killed: no state, no bundle',
    async () => {
      await using bench = await RuntimeBench.open({ isolation: 'crun' })
      const lives = await bench.spec(nodeFunction('return 1'), { functionId: 'fn-lives' })
      await bench.invoke(lives)
      await bench.invoke(await bench.spec(nodeFunction('process.exit(3)')))
      const seen = `/proc/${spawnerPid()}/root`
      const stage = / (\S+) \S+ - tmpfs lacre-stage /.exec(
        readFileSync(`/proc/${spawnerPid()}/mountinfo`, 'utf8'),
      )?.[1]
      const left = (): string[] =>
        ['bundles', 'state'].flatMap((name) => readdirSync(`${seen}${stage}/own/crun/${name}`))
      expect(left().length).toBeGreaterThan(0)

      await bench.runtime.retire('fn-lives', '1')

      await eventually(left).toEqual([])
    },
  )
})
