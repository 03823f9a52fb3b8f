// Runs a Node function: loads the handler as AWS's runtime does (SPEC A18) and talks frames over descriptor 3 (channel.ts).
// Written from AWS's documented behaviour. Plain JavaScript: it is copied into every sandbox as it is.
import { createRequire } from 'node:module'
import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { format, types } from 'node:util'

const CHANNEL = 3
const NEXT = 1
const RESPONSE = 2
const ERROR = 3
const INIT_ERROR = 4
const OVERSIZE = 5
const STREAM = 6
const PIECE = 7
const END = 8
const WAITING = 9
const ASSIGNED = 10
const REFUSED = 11
const REHEARSING = 12
const ANSWER_LIMIT_BYTES = 6_291_556
/** One frame of a streamed answer. */
const PIECE_LIMIT_BYTES = 65_536
const HTTP_RESPONSE_TYPE = 'application/vnd.awslambda.http-integration-response'
/** What stands between the prelude of an HTTP response and its body. */
const PRELUDE_END = Buffer.alloc(8)
/** Names and values as AWS's own runtime has them, so that what marks handlers for it marks them for us. */
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming')
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')
const EXIT_UNCAUGHT = 129
const EXIT_UNHANDLED = 128

const parked = new Int32Array(new SharedArrayBuffer(4))
/** Lies in the task root until the code does. */
const ENVELOPE = 'envelope'
const taskRoot = process.env.LAMBDA_TASK_ROOT ?? '/var/task'

class RuntimeError extends Error {
  constructor(name, message) {
    super(message)
    this.name = name
  }
}

/** Where frames go: to the service, or nowhere while they are rehearsed. */
let wire = CHANNEL
let requestId
let handler
let onEmptyLoop
/** The streamed answer in hand. */
let streaming

/** Every environment that is started for a function has a handler to load: one that has none is told later what it is. */
const early = process.env._HANDLER === undefined ? await becomeAssigned() : undefined

/** All of it, now: a process that exits next must have said what it had to. */
function writeAll(fd, bytes) {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      if (error.code !== 'EAGAIN') return
      Atomics.wait(parked, 0, 0, 1)
    }
  }
}

function frame(kind, ...parts) {
  const body = Buffer.concat(parts)
  const out = Buffer.allocUnsafe(5 + body.length)
  out.writeUInt32LE(1 + body.length, 0)
  out[4] = kind
  body.copy(out, 5)
  return out
}

/**
 * Waits for code and variables. The envelope is told twice, by the service and by the spawner, in the directory that this
 * process stands in and that the code is then mounted over: nothing is loaded unless both say the same and the code is there.
 */
async function becomeAssigned() {
  const channel = new Socket({ fd: CHANNEL, readable: true, writable: true })
  channel.on('error', () => process.exit(0))
  const gone = () => process.exit(0)
  channel.on('close', gone)
  await rehearse(channel)
  writeAll(wire, frame(WAITING))
  const { envelope, variables } = (await nextFrameOf(channel)).head
  channel.off('close', gone)
  // Code that waits for nothing but us is at its end, as it is where the channel is opened after it was loaded.
  channel.unref()
  if (!isOurs(envelope)) {
    writeAll(wire, frame(REFUSED))
    process.exit(1)
  }
  for (const [name, value] of Object.entries(variables))
    if (process.env[name] !== value) process.env[name] = value
  writeAll(wire, frame(ASSIGNED))
  return channel
}

/** The next frame, whole; nothing follows it until it is answered. */
function nextFrameOf(channel) {
  return new Promise((resolve) => {
    let buffered = Buffer.alloc(0)
    const take = (chunk) => {
      buffered = Buffer.concat([buffered, chunk])
      const found = cutFrame(buffered)
      if (found === undefined) return
      channel.off('data', take)
      channel.pause()
      resolve(found)
    }
    channel.on('data', take)
    channel.resume()
  })
}

/** u32le length, u32le length of the head, head, event; nothing where that is not all there. */
function cutFrame(bytes) {
  if (bytes.length < 8 || bytes.length < 4 + bytes.readUInt32LE(0)) return undefined
  const end = 4 + bytes.readUInt32LE(0)
  const headEnd = 8 + bytes.readUInt32LE(4)
  const head = JSON.parse(bytes.toString('utf8', 8, headEnd))
  return { head, payload: bytes.subarray(headEnd, end), rest: bytes.subarray(end) }
}

/**
 * What is first used is compiled then: all that leads from an assignment to an answer is used here, on a handler of ours and
 * an invocation that the service sends for it, while nobody waits for it. Nothing of it is told, or left.
 */
async function rehearse(channel) {
  const file = fileURLToPath(new URL('./rehearsal.cjs', import.meta.url))
  handler = await loadHandler(join(dirname(file), 'rehearsal.handler'))
  delete createRequire(file).cache[file]
  writeAll(wire, frame(REHEARSING))
  const { head, payload } = await nextFrameOf(channel)
  readFileSync(file, 'utf8')
  statSync('.')
  process.chdir('.')
  wire = openSync('/dev/null', 'w')
  dispatch(channel, head, payload)
  await new Promise((resolve) => setImmediate(resolve))
  closeSync(wire)
  wire = CHANNEL
  handler = requestId = undefined
}

/** Stands in the task root from here on. */
function isOurs(envelope) {
  try {
    const told = readFileSync(ENVELOPE, 'utf8')
    const before = statSync('.').dev
    process.chdir(taskRoot)
    return told === envelope && statSync('.').dev !== before
  } catch {
    return false
  }
}

function nextFrame() {
  const out = Buffer.allocUnsafe(9)
  out.writeUInt32LE(5, 0)
  out[4] = NEXT
  out.writeUInt32LE(Math.min(0xffffffff, Math.round(process.memoryUsage.rss() / 1024)), 5)
  return out
}

/** How much each level is worth; a logging config of format JSON says from which on lines are written. */
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']
const IN_JSON = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON'
const LEAST_LEVEL = IN_JSON ? LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL ?? 'INFO') : 0

/** An error's name, words and stack in place of an object without members. */
function showErrors(_key, value) {
  if (!(value instanceof Error)) return value
  return { ...errorMembers(value), ...value }
}

function errorMembers(error) {
  return {
    errorType: error?.constructor?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
  }
}

/** One object a line, as AWS's runtime writes it: a single value stays one, several are formatted. */
function jsonLine(level, args) {
  const head = { timestamp: new Date().toISOString(), level, requestId }
  try {
    if (args.length === 1) return JSON.stringify({ ...head, message: args[0] }, showErrors)
  } catch {
    return JSON.stringify({ ...head, message: format(...args) })
  }
  const error = args.find((arg) => arg instanceof Error)
  const told = error === undefined ? {} : errorMembers(error)
  return JSON.stringify({ ...head, message: format(...args), ...told })
}

function textLine(level, args) {
  const text = format(...args).replace(/\n/g, '\r')
  return `${new Date().toISOString()}\t${requestId}\t${level}\t${text}`
}

function patchConsole() {
  const levels = {
    log: 'INFO',
    info: 'INFO',
    debug: 'DEBUG',
    warn: 'WARN',
    error: 'ERROR',
    trace: 'TRACE',
  }
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...args) => {
      if (LEVELS.indexOf(level) < LEAST_LEVEL) return
      writeAll(1, Buffer.from(`${IN_JSON ? jsonLine(level, args) : textLine(level, args)}\n`))
    }
  }
}

function isError(thing) {
  return types.isNativeError(thing) || (thing instanceof Error && typeof thing.stack === 'string')
}

/** `{errorType, errorMessage, trace}` (SPEC A6). */
function errorObject(error) {
  try {
    if (!isError(error)) return { errorType: typeof error, errorMessage: String(error), trace: [] }
    return {
      errorType: error.name,
      errorMessage: error.message,
      trace: (error.stack ?? '').split('\n'),
    }
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with an error that cannot be shown',
      trace: [],
    }
  }
}

/** One line of log about an error, its own members included. */
function logError(title, error) {
  if (IN_JSON) return console.error(title, error)
  const { errorType, errorMessage, trace } = errorObject(error)
  let own = {}
  try {
    own = isError(error) ? { ...error } : {}
    console.error(
      `${title} \t%s`,
      JSON.stringify({ errorType, errorMessage, ...own, stack: trace }),
    )
  } catch {
    console.error(`${title} \t%s`, JSON.stringify({ errorType, errorMessage, stack: trace }))
  }
}

/** Ends the invocation with an error; what comes next is a new one, unless the process ends. */
function postError(id, error, more = []) {
  const body = Buffer.from(JSON.stringify(errorObject(error)))
  writeAll(wire, Buffer.concat([frame(ERROR, Buffer.from(id, 'latin1'), body), ...more]))
}

function postResult(id, data) {
  let text
  try {
    text = JSON.stringify(data === undefined ? null : data)
    if (text === undefined) text = 'null'
  } catch {
    const error = new RuntimeError('Runtime.MarshalError', 'Unable to stringify response body')
    return postError(id, error, [nextFrame()])
  }
  const body = Buffer.from(text)
  const head = Buffer.from(id, 'latin1')
  const answer =
    body.length > ANSWER_LIMIT_BYTES ? frame(OVERSIZE, head) : frame(RESPONSE, head, body)
  writeAll(wire, Buffer.concat([answer, nextFrame()]))
}

function contextOf(head, finish) {
  let waits = true
  const parseContext = () => (head.clientContext ? JSON.parse(head.clientContext) : undefined)
  const context = {
    get callbackWaitsForEmptyEventLoop() {
      return waits
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waits = value
    },
    succeed: (data) => finish(null, data),
    fail: (error) => finish(error ?? 'handled'),
    done: (error, data) => finish(error, data),
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parseContext(),
    identity: undefined,
    invokedFunctionArn: head.invokedArn,
    awsRequestId: head.requestId,
    getRemainingTimeInMillis: () => head.deadlineMs - Date.now(),
  }
  return context
}

/** What a streaming handler writes to; frames go out as the channel takes them, so that a slow reader slows the handler. */
class ResponseStream extends Writable {
  #channel
  #id
  #contentType = ''
  #prelude
  begun = false

  constructor(channel, id, highWaterMark) {
    super(highWaterMark === undefined ? {} : { highWaterMark })
    this.#channel = channel
    this.#id = id
  }

  setContentType(contentType) {
    if (this.begun)
      throw new RuntimeError(
        'Runtime.InvalidStreamingOperation',
        'Cannot set content-type, too late.',
      )
    this.#contentType = String(contentType)
  }

  /** Goes before the first byte. */
  setPrelude(prelude) {
    this.#prelude = prelude
  }

  _write(chunk, encoding, callback) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
    const frames = this.#first()
    for (let at = 0; at < bytes.length; at += PIECE_LIMIT_BYTES)
      frames.push(frame(PIECE, bytes.subarray(at, at + PIECE_LIMIT_BYTES)))
    this.#send(frames, callback)
  }

  _final(callback) {
    this.#send(this.#first(), callback)
  }

  #send(frames, callback) {
    if (frames.length === 0) return callback()
    this.#channel.write(Buffer.concat(frames), () => callback())
  }

  #first() {
    if (this.begun) return []
    this.begun = true
    const head = frame(STREAM, Buffer.from(this.#id, 'latin1'), Buffer.from(this.#contentType))
    if (this.#prelude === undefined) return [head]
    const frames = [head]
    for (let at = 0; at < this.#prelude.length; at += PIECE_LIMIT_BYTES)
      frames.push(frame(PIECE, this.#prelude.subarray(at, at + PIECE_LIMIT_BYTES)))
    return frames
  }
}

class HttpResponseStream {
  static from(stream, prelude) {
    stream.setContentType(HTTP_RESPONSE_TYPE)
    stream.setPrelude(Buffer.concat([Buffer.from(JSON.stringify(prelude ?? {})), PRELUDE_END]))
    return stream
  }
}

globalThis.awslambda = {
  HttpResponseStream,
  streamifyResponse(streamed, options) {
    streamed[STREAMING] = 'response'
    const highWaterMark = Number.parseInt(options?.highWaterMark, 10)
    if (highWaterMark >= 0) streamed[HIGH_WATER_MARK] = highWaterMark
    return streamed
  },
}

/** A streaming handler: over when its promise has settled and its stream has ended, both. */
function dispatchStreaming(channel, head, payload) {
  const id = head.requestId
  const stream = new ResponseStream(channel, id, handler[HIGH_WATER_MARK])
  streaming = stream
  let finished = false
  const finish = (error) => {
    if (finished) return
    finished = true
    onEmptyLoop = undefined
    streaming = undefined
    channel.ref()
    if (error !== undefined) logError('Invoke Error', error)
    stream.destroy()
    if (error !== undefined && !stream.begun) return postError(id, error, [nextFrame()])
    const told =
      error === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(errorObject(error)))
    // Behind whatever the channel still holds of the pieces.
    channel.write(Buffer.concat([frame(END, Buffer.from(id, 'latin1'), told), nextFrame()]))
  }
  onEmptyLoop = () =>
    finish(
      new RuntimeError(
        'Runtime.NodeJsExit',
        'The response stream can never end: nothing is left to wait for',
      ),
    )
  stream.on('error', (error) => finish(error ?? 'handled'))
  const written = new Promise((resolve) => stream.once('finish', resolve))
  try {
    const context = contextOf(head, (error) => finish(error ?? undefined))
    const result = handler(JSON.parse(payload.toString('utf8')), stream, context)
    if (typeof result?.then !== 'function')
      throw new RuntimeError(
        'Runtime.InvalidStreamingOperation',
        'Streaming does not support non-async handlers.',
      )
    result.then(
      () => written.then(() => finish()),
      (error) => finish(error ?? 'handled'),
    )
  } catch (error) {
    finish(error ?? 'handled')
  }
}

function dispatch(channel, head, payload) {
  const id = head.requestId
  requestId = id
  if (head.traceId) process.env._X_AMZN_TRACE_ID = head.traceId
  else delete process.env._X_AMZN_TRACE_ID
  if (handler[STREAMING] === 'response') {
    channel.unref()
    return dispatchStreaming(channel, head, payload)
  }
  let finished = false
  // The channel alone must not keep an empty loop alive: that is how "waits for empty event loop" is seen.
  channel.unref()
  const finish = (error, data) => {
    if (finished) return
    finished = true
    onEmptyLoop = undefined
    channel.ref()
    if (error === undefined || error === null) return postResult(id, data)
    logError('Invoke Error', error)
    postError(id, error, [nextFrame()])
  }
  let context
  const callback = (error, data) => {
    if (finished) return
    if ((error !== undefined && error !== null) || !context.callbackWaitsForEmptyEventLoop)
      return finish(error, data)
    onEmptyLoop = () => setImmediate(() => finish(null, data))
  }
  // A handler that neither answers nor leaves anything to wait for: `null`, as AWS answers for callback style.
  onEmptyLoop = () => finish(null, null)
  try {
    context = contextOf(head, finish)
    const result = handler(JSON.parse(payload.toString('utf8')), context, callback)
    if (typeof result?.then === 'function') {
      if (!finished) {
        const exit = new RuntimeError(
          'Runtime.NodeJsExit',
          'The asynchronous handler can never settle: nothing is left to wait for',
        )
        onEmptyLoop = () => finish(exit)
      }
      result.then(
        (data) => finish(null, data),
        (error) => finish(error ?? 'handled'),
      )
    }
  } catch (error) {
    finish(error ?? 'handled')
  }
}

function serve(channel) {
  let buffered = Buffer.alloc(0)
  channel.on('data', (chunk) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
    for (let found = cutFrame(buffered); found !== undefined; found = cutFrame(buffered)) {
      buffered = found.rest
      dispatch(channel, found.head, found.payload)
    }
  })
  channel.ref()
  channel.resume()
  // The service is gone: so are we.
  channel.on('close', () => process.exit(0))
  channel.on('error', () => process.exit(0))
  process.on('beforeExit', () => {
    const act = onEmptyLoop
    onEmptyLoop = undefined
    act?.()
  })
  writeAll(wire, nextFrame())
}

async function loadHandler(fullName) {
  if (fullName.includes('..'))
    throw new RuntimeError(
      'Runtime.MalformedHandlerName',
      `'${fullName}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    )
  const base = basename(fullName)
  const match = /^([^.]*)\.(.*)$/.exec(base)
  if (match === null) throw new RuntimeError('Runtime.MalformedHandlerName', 'Bad handler')
  const root = fullName.slice(0, fullName.length - base.length)
  const module = await loadModule(resolve(taskRoot, root), root, match[1])
  const found = match[2].split('.').reduce((object, key) => object?.[key], module)
  if (found === undefined)
    throw new RuntimeError('Runtime.HandlerNotFound', `${fullName} is undefined or not exported`)
  if (typeof found !== 'function')
    throw new RuntimeError('Runtime.HandlerNotFound', `${fullName} is not a function`)
  return found
}

/** AWS's order: the exact name, `.js` as its package says, `.mjs`, `.cjs`, then as `require` would find it. */
async function loadModule(dir, root, name) {
  const require = createRequire(join(taskRoot, 'index.js'))
  const path = join(dir, name)
  try {
    if (existsSync(path) && !existsSync(join(path, 'package.json')) && isFile(path))
      return require(path)
    if (existsSync(`${path}.js`)) {
      return packageType(dir) === 'module' ? await importFile(`${path}.js`) : require(`${path}.js`)
    }
    if (existsSync(`${path}.mjs`)) return await importFile(`${path}.mjs`)
    if (existsSync(`${path}.cjs`)) return require(`${path}.cjs`)
    return require(require.resolve(`./${join(root, name)}`, { paths: [taskRoot, dir] }))
  } catch (error) {
    if (error instanceof SyntaxError)
      throw Object.assign(new RuntimeError('Runtime.UserCodeSyntaxError', String(error)), {
        stack: error.stack,
      })
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw new RuntimeError('Runtime.ImportModuleError', String(error))
    }
    throw error
  }
}

const importFile = (path) => import(pathToFileURL(path).href)

function isFile(path) {
  try {
    readFileSync(path)
    return true
  } catch {
    return false
  }
}

/** `type` of the nearest package.json, not above the task root. */
function packageType(dir) {
  for (let at = dir; at.startsWith(taskRoot); at = dirname(at)) {
    try {
      return JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')).type
    } catch (error) {
      if (error.code !== 'ENOENT') return undefined
    }
  }
  return undefined
}

let channelInUse

/** Only where nothing of the pieces waits in this process: what is written now must not stand in the middle of them. */
function endStreaming(error) {
  if (channelInUse.writableLength > 0) return
  const told = Buffer.from(JSON.stringify(errorObject(error)))
  writeAll(wire, frame(END, Buffer.from(requestId, 'latin1'), told))
}

function die(title, error, status) {
  logError(title, error)
  if (handler === undefined)
    writeAll(wire, frame(INIT_ERROR, Buffer.from(JSON.stringify(errorObject(error)))))
  else if (streaming?.begun) endStreaming(error)
  else if (requestId !== undefined) postError(requestId, error)
  process.exit(status)
}

patchConsole()
process.on('uncaughtException', (error) => die('Uncaught Exception', error, EXIT_UNCAUGHT))
process.on('unhandledRejection', (reason, promise) => {
  const error = new RuntimeError(
    'Runtime.UnhandledPromiseRejection',
    String(isError(reason) ? reason : format(reason)),
  )
  die('Unhandled Promise Rejection', Object.assign(error, { reason, promise: {} }), EXIT_UNHANDLED)
})
try {
  const loaded = await loadHandler(process.env._HANDLER ?? '')
  handler = loaded
} catch (error) {
  die('Uncaught Exception', error, EXIT_UNCAUGHT)
}
channelInUse = early ?? new Socket({ fd: CHANNEL, readable: true, writable: true })
serve(channelInUse)
