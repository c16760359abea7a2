"""Smielfy's server and clients that send or read a little now and then, to keep its threads."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from monitor.smielfy.certificate import ready_certificate
from monitor.smielfy.server import _PATIENCE, _THREADS, make_server

PATIENCE = 1.0  # seconds
LARGEST = 4 * 1024 * 1024
Connect = Callable[..., socket.socket]


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Read the body, think or not, and answer much or little."""
    received = len(environ["wsgi.input"].read())
    path = environ["PATH_INFO"]
    if path == "/thinks":
        time.sleep(1.5 * PATIENCE)
    parts = 600 if path == "/large" else 1
    part = b"x" * 65536 if path == "/large" else str(received).encode()
    start("200 OK", [("Content-Length", str(parts * len(part)))])
    return [part] * parts


@pytest.fixture(scope="module", params=["https", "http"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, ssl.SSLContext | None]]:
    """A server with little patience: its port, and a client's settings."""
    server_side = client_side = None
    if request.param == "https":
        folder = tmp_path_factory.mktemp("served")
        server_side = ready_certificate(Path(folder), ["localhost"]).context()
        client_side = ssl.create_default_context(cafile=os.fspath(folder / "certificate.pem"))
    server = make_server(
        application, "127.0.0.1", 0, server_side, largest=LARGEST, patience=PATIENCE
    )
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server.bind_addr[1], client_side
    finally:
        server.stop()
        thread.join(10)


def connection_to(site: tuple[int, ssl.SSLContext | None]) -> http.client.HTTPConnection:
    port, context = site
    if context is None:
        return http.client.HTTPConnection("localhost", port, timeout=10)
    return http.client.HTTPSConnection("localhost", port, timeout=10, context=context)


def ask(site: tuple[int, ssl.SSLContext | None], path: str = "/", body: Any = None) -> bytes:
    with closing(connection_to(site)) as connection:
        connection.request("POST" if body else "GET", path, body)
        return connection.getresponse().read()


def connected(site: tuple[int, ssl.SSLContext | None], sent: bytes) -> socket.socket:
    port, context = site
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what is not read is not taken
    plain.settimeout(30)
    plain.connect(("127.0.0.1", port))
    one = plain if context is None else context.wrap_socket(plain, server_hostname="localhost")
    one.sendall(sent)
    return one


@contextmanager
def kept_up(clients: list[socket.socket], act: Callable[[socket.socket], Any]) -> Iterator[None]:
    """Let clients do something ten times a second."""
    end = threading.Event()

    def go_on() -> None:
        while not end.wait(0.1):
            for one in clients:
                with suppress(OSError):  # the server has closed it
                    act(one)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(10)
        for one in clients:
            one.close()


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
SLOW: dict[str, tuple[bytes, Callable[[socket.socket], Any]]] = {
    "line": (b"P", lambda one: one.send(b"O")),
    "head": (HEAD + b"X: ", lambda one: one.send(b"y")),
    "body": (HEAD + b"Content-Length: 1000000\r\n\r\n", lambda one: one.send(b"z")),
    "answer": (HEAD.replace(b"/", b"/large", 1) + b"\r\n", lambda one: one.recv(4096)),
}


@pytest.mark.parametrize("kind", SLOW)
def test_slow_clients_hold_nobody_up(site: tuple[int, ssl.SSLContext | None], kind: str) -> None:
    sent, act = SLOW[kind]
    assert _THREADS == 16
    clients = [connected(site, sent) for _ in range(2 * _THREADS)]
    time.sleep(0.2)
    with kept_up(clients, act):
        begin = time.monotonic()
        assert ask(site) == b"0"
        assert time.monotonic() - begin < 5 * PATIENCE  # two rounds of them, and what it takes


def test_slow_greetings_hold_nobody_up(site: tuple[int, ssl.SSLContext | None]) -> None:
    if site[1] is None:
        pytest.skip("plain HTTP has no greeting")
    sent = b"\x16\x03\x01\x02\x00\x01"
    clients = [connected((site[0], None), sent) for _ in range(_THREADS)]
    time.sleep(0.2)
    with kept_up(clients, lambda one: one.send(b"\0")):
        assert ask(site) == b"0"


def test_an_application_that_thinks_costs_no_patience(
    site: tuple[int, ssl.SSLContext | None],
) -> None:
    assert ask(site, "/thinks", b"12345") == b"5"


def test_every_request_of_a_connection_has_its_own_patience(
    site: tuple[int, ssl.SSLContext | None],
) -> None:
    with closing(connection_to(site)) as connection:
        for _ in range(3):
            connection.putrequest("POST", "/")
            connection.putheader("Content-Length", "2")
            connection.endheaders()
            time.sleep(0.6 * PATIENCE)
            connection.send(b"ab")
            assert connection.getresponse().read() == b"2"


def test_a_large_body_passes(site: tuple[int, ssl.SSLContext | None]) -> None:
    """At full speed here; on a phone's uplink, of half a megabit, a large one still passes."""
    assert ask(site, "/", bytes(LARGEST)) == str(LARGEST).encode()
    assert LARGEST * 8 / _PATIENCE < 600_000
