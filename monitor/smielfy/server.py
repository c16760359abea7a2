"""The server: cheroot, with TLS, that neither a silent nor a slow client can hold up.

cheroot itself greets new TLS connections in the one thread that accepts them all, where a client
that says nothing keeps everybody waiting. Here a connection waits for its first byte beside all
others, and is then greeted by the thread that serves it. Somebody who typed http:// instead of
https:// is led to the right address.

cheroot waits for every single read anew, so that a client which sends a byte now and then keeps its
thread for ever. Here all the waiting for a client, while a request is read and answered, comes out
of one account.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cheroot.makefile import MakeFile
from cheroot.server import HTTPConnection
from cheroot.wsgi import Server

from monitor.gate import WSGI, host_name

__all__ = ["make_server", "run"]

_THREADS = 16
_SECONDS = 15
# For a request and its answer: the largest picture, 4 MiB, passes at 70 kB a second. What the page
# sends is a tenth of that.
_PATIENCE = 60
_HELLO = 0x16  # the first byte of TLS
_HOST = re.compile(rb"^Host:[ \t]*([^\s]{1,255})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


def make_server(
    application: WSGI,
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    *,
    largest: int,
    patience: float = _PATIENCE,
) -> Server:
    """Return a server that listens already; `serve` and `stop` are its methods.

    Parameters
    ----------
    application : WSGI application
    host, port : str, int
        Where it listens.
    context : ssl.SSLContext or None
        None for plain HTTP.
    largest : int
        Bytes of the largest body that is received.
    patience : float
        Seconds that a request may keep its thread waiting for the client, all reads and writes
        together; then the connection is closed. What the application takes does not count.

    Raises
    ------
    OSError
        If it cannot listen there.
    """
    server = _Quiet(
        (host.strip("[]"), port), application, numthreads=_THREADS, max=_THREADS, timeout=_SECONDS
    )
    server.max_request_header_size = 64 * 1024
    server.max_request_body_size = largest
    server.request_queue_size = 64
    server.shutdown_timeout = 1
    server.server_name = "smielfy"
    values = {"context": context, "patience": patience}
    server.ConnectionClass = type("Connection", (_Connection,), values)
    server.prepare()
    return server


def run(server: Server) -> None:
    """Serve until interrupted (Ctrl-C)."""
    try:
        server.serve()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


class _Quiet(Server):
    """Writes no log: cheroot's would hold addresses. What fails in the application, Flask tells."""

    version = ""

    def process_conn(self, conn: _Connection) -> None:
        """Let a new connection wait for its first byte where that takes no thread."""
        if conn.waited:
            super().process_conn(conn)
        else:
            conn.waited = True
            self.put_conn(conn)

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Say nothing."""


class _Connection(HTTPConnection):
    context: ssl.SSLContext | None = None
    patience: float = _PATIENCE
    waited = False
    _greeted = False
    _left = 0.0

    def __init__(self, server: Server, connection: socket.socket, makefile: object) -> None:
        super().__init__(server, connection, self._make_file)

    def communicate(self) -> bool:
        """Serve a request; before the first one, agree on keys."""
        self._left = self.patience
        if self.context is not None and not self._greeted:
            self._greeted = True
            try:
                if not self._greet(self.context):
                    return False
            except OSError:  # among them all errors of TLS
                return False
        try:
            return bool(super().communicate())
        except OSError:  # there was no patience left for telling that there was none
            return False

    def wait(self, act: Callable[..., int], *args: Any) -> int:
        """Read from the client or write to it, with the patience that is left."""
        if self._left <= 0:
            raise TimeoutError("timed out")  # these words are how cheroot knows it
        self.socket.settimeout(min(_SECONDS, self._left))
        begin = time.monotonic()
        try:
            return act(*args)
        finally:
            self._left -= time.monotonic() - begin

    def _make_file(self, connection: socket.socket, mode: str, size: int) -> Any:
        return MakeFile(_Patient(connection, self), mode, size)

    def _greet(self, context: ssl.SSLContext) -> bool:
        plain: Any = self.socket
        plain.settimeout(min(_SECONDS, self.patience))  # for the greeting as a whole
        first = plain.recv(1, socket.MSG_PEEK)
        if first and first[0] != _HELLO:
            _lead_to_https(plain)
        if not first or first[0] != _HELLO:
            return False
        # Greeted afterwards: where that fails, there is still a socket to be closed.
        self.socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self.rfile = self._make_file(self.socket, "rb", self.rbufsize)
        self.wfile = self._make_file(self.socket, "wb", self.wbufsize)
        self.ssl_env = {"wsgi.url_scheme": "https", "HTTPS": "on"}
        self.socket.do_handshake()
        return True

    def close(self) -> None:
        """Close the connection; that the client did so before stops no thread."""
        with suppress(OSError):
            super().close()


class _Patient:
    """A socket for `MakeFile`, whose reads and writes come out of its connection's account."""

    def __init__(self, plain: socket.socket, connection: _Connection) -> None:
        self._socket, self._connection = plain, connection

    def recv_into(self, buffer: Any) -> int:
        """Read what has come, or wait for it."""
        return self._connection.wait(self._socket.recv_into, buffer)

    def send(self, content: Any) -> int:
        """Write as much as goes, or wait until some does."""
        return self._connection.wait(self._socket.send, content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def _lead_to_https(connection: socket.socket) -> None:
    """Answer a request that came without TLS."""
    head = connection.recv(8192)
    found = _HOST.search(head)
    host = found[1].decode("latin-1") if found else ""
    lines = ["HTTP/1.1 400 Bad Request"]
    if host_name(host) is not None:
        lines = ["HTTP/1.1 307 Temporary Redirect", f"Location: https://{host}/"]
    text = "This server speaks HTTPS: the address begins with https://\n"
    lines += ["Content-Type: text/plain", f"Content-Length: {len(text)}", "Connection: close"]
    connection.sendall("\r\n".join([*lines, "", text]).encode("latin-1"))
