"""What the tests of the binary share: running it, a server that is always stopped, the writer."""

import http.client
import os
import re
import selectors
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TACOS = ROOT / "build" / "tacos"
WRITER = ROOT / "build" / "release" / "tests" / "cli" / "store_writer"

# Longer than anything here takes on a loaded machine; a test that needs it has failed.
TIMEOUT_S = 60

# The seven of the contract, and those of queues, messages, buses, deliveries, the archive and
# rooms, in which the first start puts the platform's own (src/sale/wiring.c).
TABLES_IN_ALL = 13

INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def environment(**variables):
    """Ours without TACOS_*, so that no setting of the developer changes a result."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TACOS_")}
    return kept | variables


def run(*words, cwd=None, **variables):
    return subprocess.run([TACOS, *map(str, words)], capture_output=True, text=True, check=False,
                          timeout=TIMEOUT_S, cwd=cwd, env=environment(**variables),
                          stdin=subprocess.DEVNULL)


def run_ok(*words, **more):
    done = run(*words, **more)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def expect_failure(done, message, status=1):
    """Nothing on stdout, exactly this on stderr."""
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == message


# Any free ports, since tests run side by side.
LISTEN = {"TACOS_LISTEN": "127.0.0.1:0", "TACOS_OPERATIONS_LISTEN": "127.0.0.1:0"}

ADDRESSES = re.compile(r"tacos serve: (https?)://(\S+):(\d+) for clients, "
                       r"http://(\S+):(\d+) for operators; Ctrl-C stops it\n")


class Server:
    """`tacos serve`, started.

    `line` is what it announced of its data, `addresses` the line behind that, with `scheme`, `port`
    and `operations_port`; `seconds` is how long that took.
    """

    def __init__(self, *words, cwd=None, launcher=(), pass_fds=(), **variables):
        self.before = time.monotonic()
        self.process = subprocess.Popen(
            [*launcher, TACOS, "serve", *map(str, words)], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment(**(LISTEN | variables)),
            stdin=subprocess.DEVNULL, pass_fds=pass_fds)
        self.line = self.addresses = ""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if selector.select(TIMEOUT_S):
                self.line = self.process.stdout.readline()
                self.addresses = self.process.stdout.readline()
        self.seconds = time.monotonic() - self.before
        match = ADDRESSES.fullmatch(self.addresses)
        if match:
            self.scheme, self.host, self.operations_host = match.group(1, 2, 4)
            self.port, self.operations_port = int(match.group(3)), int(match.group(5))

    def get(self, path, port=None, method="GET", headers=None):
        """Status, headers and body of one request, with a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=TIMEOUT_S)
        connection.request(method, path, headers=headers or {})
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return reply.status, reply.headers, body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def stop(self, how=signal.SIGTERM):
        """Exit status, what else it printed, its log."""
        self.process.send_signal(how)
        out, log = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, out, log


def use_store(mode, directory, *key):
    """Runs the writer to its end; what it printed."""
    done = subprocess.run([WRITER, mode, directory, *key], capture_output=True, text=True,
                          check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done
    return done.stdout


class Writer:
    """The writer at work in a process of its own: numbers arrive once they are durable."""

    def __init__(self, directory, *key):
        self.process = subprocess.Popen([WRITER, "write", directory, *key],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.rest = b""
        self.acknowledged = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def _take(self, chunk):
        whole, _, self.rest = (self.rest + chunk).rpartition(b"\n")
        if whole:
            self.acknowledged = int(whole.rpartition(b"\n")[2])

    def read_for(self, seconds):
        """Reads acknowledgements for so long, and at least until the first one."""
        end = time.monotonic() + seconds
        while self.acknowledged == 0 or time.monotonic() < end:
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            assert chunk, self.process.stderr.read()
            self._take(chunk)
        return self.acknowledged

    def kill(self):
        """The last number that was acknowledged before the process died."""
        if self.process.poll() is None:
            self.process.kill()
        if not self.process.stdout.closed:
            self._take(self.process.stdout.read())
            self.process.wait()
            self.process.stdout.close()
            self.process.stderr.close()
        return self.acknowledged


def check(directory, *options):
    """`tacos check` finds nothing wrong; what it printed."""
    out = run_ok("check", directory, *options)
    assert out.endswith("\nnothing wrong\n")
    return out
