"""Redis as a peer: what somebody who waits costs in a room that is built on it."""
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

PIPELINE = 1000  # commands between two looks at the replies


def program():
    return shutil.which("redis-server")


class Redis:
    """A server without persistence on a socket of its own, and one connection to it."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="tacos-redis-"))
        path = str(self.directory / "socket")
        self.process = subprocess.Popen(
            [program(), "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 5
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self.replies = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.replies.close()
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory)

    def call(self, *commands):
        """One line of each reply; of a bulk string its text."""
        self.socket.sendall(b"".join(
            b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
            for words in commands))
        found = []
        for _ in commands:
            line = self.replies.readline()
            assert not line.startswith(b"-"), line
            if line.startswith(b"$"):
                line = self.replies.read(int(line[1:]) + 2)
            found.append(line)
        return found

    def used_bytes(self):
        memory = self.call([b"INFO", b"memory"])[0].decode()
        return int(memory.split("used_memory:")[1].split("\r\n")[0])


def bytes_of_a_waiter(people):
    """
    The least that such a room keeps: who has which place, and when each was heard of last, both to
    be asked in order.
    """
    with Redis() as redis:
        before = redis.used_bytes()
        for first in range(0, people, PIPELINE):
            commands = []
            for number in range(first, first + PIPELINE):
                token = str(uuid.uuid4()).encode()
                commands.append([b"ZADD", b"places", b"%d" % number, token])
                commands.append([b"ZADD", b"seen", b"%d" % (1700000000000 + number), token])
            redis.call(*commands)
        return (redis.used_bytes() - before) / people
