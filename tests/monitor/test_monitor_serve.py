"""The monitor's server as a process: where it listens, and how it ends."""

import gc
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.layout import RunLogError
from monitor.serve import is_loopback, serve
from scripts.monitor import monitor

SERVE = """
import json, sys
from monitor.serve import serve
serve(sys.argv[1], port=0, **json.loads(sys.argv[2]))
"""
WRITE = """
import sys, time
from monitor.runlog import RunLog
with RunLog(sys.argv[1], {"epochs": 1000}) as log:
    for step in range(100_000):
        log.scalar("loss", 1 / (step + 1), step, step / 100)
        time.sleep(0.001)
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def started(start_script: Start, tmp_path: Path) -> Iterator[Callable[..., tuple]]:
    """Start a server; return its process, its address and what follows the address."""

    def start(**options: object) -> tuple[subprocess.Popen[str], str, str]:
        process = start_script(SERVE, tmp_path / "runs", json.dumps(options))
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"(http://[^/ ]+)(/\S*)", line)
        assert found is not None, line
        return process, found[1], found[2]

    return start


def ask(address: str, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, headers=headers), timeout=30
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_it_serves_until_interrupted(
    started: Callable, start_script: Start, tmp_path: Path
) -> None:
    process, address, rest = started()
    assert address.startswith("http://127.0.0.1:")
    assert rest == "/"
    assert json.loads(ask(f"{address}/api/runs")[1])["runs"] == []
    writer = start_script(WRITE, tmp_path / "runs" / "run")
    end = time.monotonic() + 60
    while not (found := json.loads(ask(f"{address}/api/runs")[1])["runs"]) or not found[0]["last"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    cursor, status, changes = (
        found[0] and json.loads(ask(f"{address}/api/runs/run")[1])["cursor"],
        0,
        0,
    )
    for _ in range(8):
        status, content = ask(f"{address}/api/runs/run/delta?cursor={cursor}")
        if status == 200:
            changes += 1
            size = int.from_bytes(content[4:8], "little")
            cursor = json.loads(content[8 : 8 + size])["cursor"]
        else:
            assert (status, content) == (304, b"")
        time.sleep(0.3)
    assert changes >= 2
    status, content = ask(f"{address}/api/runs", Host="evil.example")
    assert (status, list(json.loads(content))) == (403, ["error"])
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    writer.kill()


def test_the_network_needs_a_token(started: Callable) -> None:
    _, address, rest = started(host="0.0.0.0")
    token = re.fullmatch(r"/\?token=([\w-]{32})", rest)
    assert token is not None
    local = address.replace("localhost", "127.0.0.1")
    assert ask(f"{local}/api/runs")[0] == 401
    assert ask(f"{local}/api/runs", Authorization=f"Bearer {token[1]}")[0] == 200
    assert ask(f"{local}/api/runs", Host="evil.example")[0] == 403
    other = ask(f"{local}/api/runs", Host="192.168.1.5", Authorization=f"Bearer {token[1]}")
    assert other[0] == 200


def test_a_request_that_is_too_large_ends_without_harm(started: Callable) -> None:
    _, address, _ = started()
    host, port = address.removeprefix("http://").split(":")
    for head in (
        b"POST /api/trash/empty HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
        b"GET /" + b"a" * 400_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"GET /api/runs HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/api/runs HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            try:
                connection.sendall(head)
                answer = connection.recv(1000)
            except OSError:  # it hung up on us
                continue
            assert re.match(rb"HTTP/1\.[01] 4\d\d", answer), answer
    assert ask(f"{address}/api/runs")[0] == 200


# waitress leaves a socket that it could not bind to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RunLogError, match=rf"cannot listen on 127\.0\.0\.1, port {port}"):
            serve(tmp_path, port=port)
    with pytest.raises(RunLogError, match=r"cannot listen on nowhere\.invalid"):
        serve(tmp_path, host="nowhere.invalid", token="x" * 20)
    gc.collect()  # so that the warning comes here


def test_what_only_this_machine_can_reach() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "[::1]", "LocalHost", "127.9.9.9")]
    for host in ("0.0.0.0", "::", "", "192.168.0.1", "example.com", "localhost.example.com"):
        assert not is_loopback(host)


def test_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[tuple] = []
    monkeypatch.setattr(
        "monitor.serve.serve", lambda *args, **options: seen.append((args, options))
    )
    words = [os.fspath(tmp_path), "--port", "0", "--host", "::", "--name", "lab", "--open"]
    result = CliRunner().invoke(monitor, words)
    assert result.exit_code == 0, result.output
    (((folder,), options),) = seen
    assert folder == os.fspath(tmp_path)
    assert (options["host"], options["port"], options["hosts"]) == ("::", 0, ("lab",))
    assert (options["open_browser"], options["token"]) == (True, None)
    assert CliRunner().invoke(monitor, ["--port", "70000"]).exit_code == 2
