"""Runs a Python function: loads the handler as AWS's runtime does (SPEC A18) and talks frames over descriptor 3 (channel.ts)."""

import decimal
import importlib
import json
import logging
import os
import resource
import socket
import struct
import sys
import time
import traceback

CHANNEL = 3
NEXT, RESPONSE, ERROR, INIT_ERROR, OVERSIZE = 1, 2, 3, 4, 5
WAITING, ASSIGNED, REFUSED = 9, 10, 11
# Where the task root will be, and what lies there until it is.
TASK_ROOT, ENVELOPE = "/var/task", "envelope"
ANSWER_LIMIT_BYTES = 6291556

request_id = None
channel = socket.socket(fileno=CHANNEL)
channel.setblocking(True)


def send(*frames):
    channel.sendall(b"".join(frames))


def frame(kind, *parts):
    body = b"".join(parts)
    return struct.pack("<IB", 1 + len(body), kind) + body


def next_frame():
    return frame(NEXT, struct.pack("<I", min(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0xFFFFFFFF)))


def receive(length):
    chunks = []
    while length > 0:
        chunk = channel.recv(min(length, 1 << 20))
        if not chunk:
            os._exit(0)  # the service is gone: so are we
        chunks.append(chunk)
        length -= len(chunk)
    return b"".join(chunks)


def receive_frame():
    (length,) = struct.unpack("<I", receive(4))
    body = receive(length)
    (head_length,) = struct.unpack_from("<I", body)
    return json.loads(body[4 : 4 + head_length]), body[4 + head_length :]


def is_ours(envelope):
    """Stands in the task root from here on."""
    try:
        with open(ENVELOPE, encoding="utf-8") as file:
            told = file.read()
        before = os.stat(".").st_dev
        os.chdir(TASK_ROOT)
        return told == envelope and os.stat(".").st_dev != before
    except OSError:
        return False


def rehearse():
    """What is first used is set up then: a module of ours is imported while nobody waits for it, and forgotten again."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    handler = load_handler("rehearsal.handler")
    del sys.path[0], sys.modules["rehearsal"]
    json.dumps(handler(json.loads(b"{}"), None), ensure_ascii=False, default=encode)


def become_assigned():
    """Waits for code and variables (node.mjs says how)."""
    rehearse()
    send(frame(WAITING))
    told, _ = receive_frame()
    if not is_ours(told["envelope"]):
        send(frame(REFUSED))
        os._exit(1)
    for name, value in told["variables"].items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    time.tzset()
    send(frame(ASSIGNED))


# AWS's names; logging has no TRACE and calls FATAL critical.
LEVELS = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "FATAL": 50}


class JsonFormatter(logging.Formatter):
    def format(self, record):
        told = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": record.aws_request_id,
        }
        if record.exc_info and record.exc_info[0] is not None:
            told["errorType"] = record.exc_info[0].__name__
            told["errorMessage"] = str(record.exc_info[1])
            told["stackTrace"] = traceback.format_tb(record.exc_info[2])
        return json.dumps(told, ensure_ascii=False, default=str) + "\n"


class RequestIdFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = request_id or ""
        return True


def set_up_logging():
    handler = logging.StreamHandler(sys.stdout)
    form = JsonFormatter() if IN_JSON else logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler.setFormatter(form)
    handler.terminator = ""
    handler.addFilter(RequestIdFilter())
    logging.getLogger().addHandler(handler)
    if IN_JSON:
        logging.getLogger().setLevel(LEVELS.get(os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO"), 20))


class Identity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class Client:
    def __init__(self, values):
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            setattr(self, name, values.get(name))


class ClientContext:
    def __init__(self, values):
        self.client = Client(values["client"]) if values.get("client") else None
        self.custom = values.get("custom")
        self.env = values.get("env")


class Context:
    def __init__(self, head):
        self.aws_request_id = head["requestId"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = head["invokedArn"]
        text = head.get("clientContext")
        self.client_context = ClientContext(json.loads(text)) if text else None
        self.identity = Identity()
        self._deadline_ms = head["deadlineMs"]

    def get_remaining_time_in_millis(self):
        return max(int(self._deadline_ms - time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))
        sys.stdout.flush()


def encode(value):
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {value.__class__.__name__} is not JSON serializable")


def error_object(error_type, message, stack=None, request=""):
    told = {"errorMessage": message, "errorType": error_type, "requestId": request, "stackTrace": stack or []}
    # AWS's runtime for 3.8 does not tell the request (recorded: TestLambdaRuntimesCommon).
    if os.environ.get("AWS_EXECUTION_ENV") == "AWS_Lambda_python3.8":
        del told["requestId"]
    return told


def own_frames(error):
    """The stack below this file: what the function's author can read."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__ and "importlib" not in f.filename]
    return traceback.format_list(frames)


def log_error(fault):
    if IN_JSON:
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        sys.stdout.write(json.dumps({"timestamp": stamp, "level": "ERROR", **fault}, ensure_ascii=False, default=str) + "\n")
        return sys.stdout.flush()
    # Two lines as AWS writes them: [ERROR] Type: message, then the stack; inner newlines as carriage returns.
    lines = [f"[ERROR] {fault['errorType']}: {fault['errorMessage']}"]
    if fault["stackTrace"]:
        lines += ["Traceback (most recent call last):", *fault["stackTrace"]]
    sys.stdout.write("\r".join(line.rstrip("\n").replace("\n", "\r") for line in lines) + "\n")
    sys.stdout.flush()


def load_handler(name):
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise InitFault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {error}")
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise InitFault("Runtime.ImportModuleError", f"Cannot use built-in module {module_name} as a handler module")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise InitFault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}")
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise InitFault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", trace)
    found = getattr(module, function_name, None)
    if found is None:
        raise InitFault("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    return found


class InitFault(Exception):
    def __init__(self, error_type, message, trace=None):
        super().__init__(message)
        self.fault = error_object(error_type, message, trace)


def fail_init(fault):
    log_error(fault)
    send(frame(INIT_ERROR, json.dumps(fault).encode()))
    sys.stdout.flush()
    os._exit(1)


def run(handler, head, payload):
    global request_id
    request_id = head["requestId"]
    if head.get("traceId"):
        os.environ["_X_AMZN_TRACE_ID"] = head["traceId"]
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    ident = request_id.encode("latin1")
    try:
        answer = handler(json.loads(payload), Context(head))
        try:
            body = json.dumps(answer, ensure_ascii=False, default=encode).encode("utf-8")
        except Exception as error:
            fault = error_object("Runtime.MarshalError", f"Unable to marshal response: {error}", None, request_id)
            log_error(fault)
            return send(frame(ERROR, ident, json.dumps(fault).encode()), next_frame())
        if len(body) > ANSWER_LIMIT_BYTES:
            return send(frame(OVERSIZE, ident), next_frame())
        send(frame(RESPONSE, ident, body), next_frame())
    except Exception as error:
        fault = error_object(type(error).__name__, str(error), own_frames(error), request_id)
        log_error(fault)
        send(frame(ERROR, ident, json.dumps(fault, ensure_ascii=False).encode("utf-8", "replace")), next_frame())


def main():
    set_up_logging()
    root = os.environ["LAMBDA_TASK_ROOT"]
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    opt = os.environ.get("LACRE_OPT_ROOT", "/opt")
    sys.path[:0] = [root]
    sys.path += [f"{opt}/python/lib/{version}/site-packages", f"{opt}/python"]
    try:
        handler = load_handler(os.environ.get("_HANDLER", ""))
    except InitFault as error:
        fail_init(error.fault)
    except Exception as error:
        fail_init(error_object(type(error).__name__, str(error), own_frames(error)))
    send(next_frame())
    while True:
        head, payload = receive_frame()
        run(handler, head, payload)
        sys.stdout.flush()
        sys.stderr.flush()


# Every environment that is started for a function has a handler to load: one that has none is told later what it is.
if "_HANDLER" not in os.environ:
    become_assigned()

IN_JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
main()
