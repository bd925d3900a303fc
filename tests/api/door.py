"""What the tests of the door share: servers that always end, and a client that sees every byte.

A server takes any free port and tells it; nothing here depends on how fast the machine is but for
deadlines, which are far beyond what anything takes.
"""

import json
import os
import re
import selectors
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TACOS = ROOT / "build" / "tacos"
NET_SERVER = ROOT / "build" / "release" / "tests" / "api" / "net_server"

# Longer than anything here takes on a loaded machine; a test that needs it has failed.
TIMEOUT_S = 30

ANY_PORTS = {"TACOS_LISTEN": "127.0.0.1:0", "TACOS_OPERATIONS_LISTEN": "127.0.0.1:0"}

# The body of GET /hello.
HELLO = (b'{"status":"waiting","position":12345,"eta_sec":420,"waiting_time":17,'
         b'"ready_for_entry":false}  ')


def wait_until(true, seconds=TIMEOUT_S):
    """Looks until it is true; whether it became true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def environment(**variables):
    """Ours without TACOS_*, so that no setting of the developer changes a result."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TACOS_")}
    return kept | {name: value for name, value in variables.items() if value is not None}


class Program:
    """A server in a process of its own, gone when the block ends. `found` is what it announced."""

    def __init__(self, command, announced, variables=None, **options):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.errors, env=environment(**(variables or {})), **options)
        self.output = ""
        self.operations = None  # the port where metrics are
        self.asked = 0          # how often metrics() did
        self.found = None
        try:
            self._await(re.compile(announced))
        except BaseException:
            self.__exit__()
            raise

    def _await(self, pattern):
        end = time.monotonic() + TIMEOUT_S
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while self.found is None and selector.select(max(0, end - time.monotonic())):
                chunk = os.read(self.process.stdout.fileno(), 65536)
                self.output += chunk.decode()
                self.found = pattern.search(self.output)
                if not chunk:
                    break
        assert self.found, f"not announced: {self.output!r} {self.log()!r}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def log(self):
        """All of its stderr until now."""
        return os.pread(self.errors.fileno(), 1 << 24, 0).decode()

    def end(self, how=signal.SIGTERM):
        """Asks it to stop; its exit status."""
        if how is not None:
            self.process.send_signal(how)
        rest, _ = self.process.communicate(timeout=TIMEOUT_S)
        self.output += rest.decode()
        return self.process.returncode

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def cpu_seconds(self):
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def metrics(self):
        """Name with labels, and the number."""
        self.asked += 1
        with urllib.request.urlopen(f"http://127.0.0.1:{self.operations}/metrics",
                                    timeout=TIMEOUT_S) as reply:
            lines = reply.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def requests(self):
        """Heads it has read, but for those of metrics()."""
        return self.metrics()["tacos_net_requests_total"] - self.asked


class Door(Program):
    """The test server of tests/api/net_server.c; settings as it takes them.

    Leaving the block stops it like an operator would, and it must end well: it checks itself that
    nothing it allocated is left.
    """

    def __init__(self, options=None, **settings):
        settings = {"port": 0, "ops": 0, "drain_ms": 500} | settings
        words = [f"{name}={value}" for name, value in settings.items()]
        super().__init__([NET_SERVER, *words], r"listening (\d+) (\d+)\n", **(options or {}))
        self.port, self.operations = map(int, self.found.groups())
        self.reactors = int(settings.get("reactors", 0))

    def __exit__(self, failed=None, *_):
        try:
            if failed is None and self.process.poll() is None:
                assert self.end() == 0, self.log()
        finally:
            super().__exit__()

    def url(self, path, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def client(self, **options):
        return Client(self.port, **options)

    def refusals(self, reason):
        return self.metrics()[f'tacos_net_refusals_total{{reason="{reason}"}}']

    def open_connections(self):
        """But for the one that asks."""
        return self.metrics()["tacos_net_connections_open"] - 1

    def publish(self, *events):
        """Sends whole events to the streams."""
        with self.client() as client:
            for event in events:
                assert client.ask("POST", "/publish", body=event).status == 204


class Product(Program):
    """`tacos serve` with ports of its own."""

    def __init__(self, directory, *words, options=None, variables=None):
        variables = ANY_PORTS | (variables or {})
        super().__init__(
            [TACOS, "serve", "--data-dir", directory, *words],
            r"(https?)://(\S+):(\d+) for clients, http://(\S+):(\d+) for operators",
            variables, **(options or {}))
        self.scheme, self.host, port, self.operations_host, operations = self.found.groups()
        self.port, self.operations = int(port), int(operations)


def run_product(directory, *words, **variables):
    """`tacos serve` that is expected to end by itself."""
    variables = ANY_PORTS | variables
    return subprocess.run([TACOS, "serve", "--data-dir", directory, *map(str, words)], text=True,
                          capture_output=True, check=False, timeout=TIMEOUT_S,
                          stdin=subprocess.DEVNULL, env=environment(**variables))


@dataclass
class Reply:
    status: int
    reason: str
    fields: list  # of (name in lower case, value)
    body: bytes

    def all(self, name):
        return [value for field, value in self.fields if field == name]

    def get(self, name):
        """The value of a field that stands at most once."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None

    def json(self):
        assert self.get("content-type") == "application/json; charset=utf-8"
        return json.loads(self.body)

    def error_code(self):
        """Of an error body as the contract has it."""
        document = self.json()
        assert list(document) == ["error"]
        error = document["error"]
        assert set(error) - {"details"} == {"code", "message", "trace_id"}
        assert error["message"]
        assert error["trace_id"] == self.get("x-request-id")
        return error["code"]


def head_of(method, target, host="a", **fields):
    """A request's head; names of fields with _ for -."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class Client:
    """One connection, byte by byte."""

    def __init__(self, port, tls=None, source=None, receive_bytes=None, session=None):
        self.socket = socket.socket()
        self.socket.settimeout(TIMEOUT_S)
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost", session=session)
        self.unread = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends it as a process does that is killed while bytes wait to be read."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_slowly(self, data):
        """In packets of one byte, as far as the server takes them."""
        for i in range(len(data)):
            try:
                self.socket.sendall(data[i:i + 1])
            except (BrokenPipeError, ConnectionResetError):
                return

    def finish(self):
        """Says that no more will come; over TLS by close_notify alone."""
        if not isinstance(self.socket, ssl.SSLSocket):
            self.socket.shutdown(socket.SHUT_WR)
            return
        self.socket.settimeout(0)
        try:
            self.socket.unwrap()
        except ssl.SSLWantReadError:
            pass  # the server's, which comes later
        self.socket.settimeout(TIMEOUT_S)

    def _fill(self):
        try:
            chunk = self.socket.recv(1 << 18)
        except (ConnectionResetError, ssl.SSLEOFError):
            chunk = b""
        self.unread += chunk
        return bool(chunk)

    def line(self):
        while (end := self.unread.find(b"\r\n")) < 0:
            assert self._fill(), f"the connection ended within a line: {bytes(self.unread[:500])!r}"
        line = self.unread[:end].decode("latin-1")
        del self.unread[:end + 2]
        return line

    def take(self, size):
        while len(self.unread) < size:
            assert self._fill(), f"the connection ended {size - len(self.unread)} bytes too early"
        taken = bytes(self.unread[:size])
        del self.unread[:size]
        return taken

    def rest(self):
        """All until the server ends the connection."""
        while self._fill():
            pass
        return self.take(len(self.unread))

    def ended(self):
        """Whether the server ends the connection without another byte."""
        return self.rest() == b""

    def _chunks(self):
        body = b""
        while size := int(self.line(), 16):
            body += self.take(size)
            assert self.take(2) == b"\r\n"
        assert self.line() == ""
        return body

    def head(self):
        version, status, reason = self.line().split(" ", 2)
        assert version == "HTTP/1.1"
        fields = []
        while line := self.line():
            name, colon, value = line.partition(": ")
            assert colon and name and value == value.strip()
            fields.append((name.lower(), value))
        return Reply(int(status), reason, fields, b"")

    def reply(self, method="GET"):
        """One reply, exactly (RFC 9112 6.3)."""
        reply = self.head()
        if method == "HEAD" or reply.status in (204, 304) or reply.status < 200:
            return reply
        if reply.get("transfer-encoding") is not None:
            assert reply.get("transfer-encoding") == "chunked"
            assert reply.get("content-length") is None
            reply.body = self._chunks()
        elif reply.get("content-length") is not None:
            reply.body = self.take(int(reply.get("content-length")))
        else:
            assert reply.get("connection") == "close"
            reply.body = self.rest()
        return reply

    def ask(self, method, target, body=None, **fields):
        if body is not None:
            fields["Content_Length"] = len(body)
        self.send(head_of(method, target, **fields) + (body or b""))
        return self.reply(method)


def insecure_tls(*protocols):
    """A context that takes any certificate, and offers these protocols by ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def curl(*words):
    """curl, which must succeed: what it printed, and what it said (-v)."""
    done = subprocess.run(["curl", "-sS", "--max-time", str(TIMEOUT_S), *map(str, words)],
                          capture_output=True, check=False, timeout=2 * TIMEOUT_S,
                          stdin=subprocess.DEVNULL, env=environment(no_proxy="*"))
    assert done.returncode == 0, done.stderr[-2000:].decode()
    return done.stdout, done.stderr.decode()
