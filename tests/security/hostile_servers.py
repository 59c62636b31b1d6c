"""Servers over real sockets that send what no service sends. Each script writes bytes to a connection; what is sent is counted."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Callable, Iterator

Script = Callable[[], Iterator[bytes]]
CHUNK = b" " * 2**20


class HostileServer:
    """Answers every request on 127.0.0.1 with the bytes of a script, and keeps what it was asked and how much it sent."""

    def __init__(self, script: Script, host: str = "127.0.0.1") -> None:
        self.script = script
        self.sent = 0
        self.asked: list[bytes] = []
        self._closing = False
        self._socket = socket.create_server((host, 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._thread.join(10)
        self._socket.close()

    def __enter__(self) -> HostileServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while not self._closing:
            connection, _ = self._socket.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(20)
                self.asked.append(_request(connection))
                for piece in self.script():
                    connection.sendall(piece)
                    self.sent += len(piece)


def _request(connection: socket.socket) -> bytes:
    found = b""
    while b"\r\n\r\n" not in found:
        more = connection.recv(65536)
        if not more:
            return found
        found += more
    head, _, body = found.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""]).encode("latin-1")


def endless() -> Iterator[bytes]:
    """2 GiB in chunks, made as they are sent."""
    yield head("Transfer-Encoding: chunked")
    for _ in range(2048):
        yield b"100000\r\n" + CHUNK + b"\r\n"


def promised() -> Iterator[bytes]:
    """2 GiB at once, announced in the header."""
    yield head(f"Content-Length: {2**31}")
    for _ in range(2048):
        yield CHUNK


def bomb() -> Iterator[bytes]:
    """1 GiB of blanks in one MiB of gzip, although nothing compressed was asked for."""
    packed = gzip.compress(CHUNK * 64, 9)
    yield head("Content-Encoding: gzip", f"Content-Length: {len(packed) * 16}")
    for _ in range(16):  # members of one stream
        yield packed


def one_line() -> Iterator[bytes]:
    """A line of 10 MB that is no JSON."""
    yield head("Content-Length: 10485766")
    yield b"data: "
    for _ in range(10):
        yield b"x" * 2**20


def deep() -> Iterator[bytes]:
    """JSON that is nested a million deep."""
    yield head(f"Content-Length: {2**20}")
    yield b"[" * 2**20


def endless_header() -> Iterator[bytes]:
    """A header that does not end, up to 2 GiB."""
    yield b"HTTP/1.1 200 OK\r\nX-Long: "
    for _ in range(2048):
        yield b"y" * 2**20


def many_headers() -> Iterator[bytes]:
    """Headers without end, each short."""
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(2_000):
        yield b"".join(b"X-%d-%d: yyyyyyyyyyyyyyyyyyyyyyyy\r\n" % (number, inner) for inner in range(1_000))


def numbers() -> Iterator[bytes]:
    """A number of ten million digits."""
    yield head("Content-Length: 10485761")
    yield b"1"
    for _ in range(10):
        yield b"1" * 2**20


def redirect(to: str) -> Script:
    def script() -> Iterator[bytes]:
        yield head(f"Location: {to}", "Content-Length: 0", status="307 Temporary Redirect")

    return script


def saying(content: bytes, status: str = "200 OK", *lines: str) -> Script:
    def script() -> Iterator[bytes]:
        yield head(*lines, f"Content-Length: {len(content)}", status=status) + content

    return script
