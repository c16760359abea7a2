"""Part of `lasagnette bench monitor`: a server in its own process, and browsers that ask it."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

import click

from scripts.bench_processes import PROC

__all__ = ["Answer", "Browser", "Server", "cpu_seconds", "peak_memory"]

MONITOR = (sys.executable, "-c", "from scripts.main import main; main()", "monitor")
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/")
PATIENCE = 60.0  # seconds


class Answer(NamedTuple):
    """What came back, unpacked, and after how many seconds."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body of a JSON answer, or the header of a binary one."""
        if self.body[:4] == b"LSG1":
            return json.loads(self.body[8 : 8 + int.from_bytes(self.body[4:8], "little")])
        return json.loads(self.body)


class Server:
    """`lasagnette monitor` on a free port; a context manager.

    Parameters
    ----------
    folder
        Of the runs.
    """

    def __init__(self, folder: Path) -> None:
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [*MONITOR, str(folder), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        assert self._process.stdout is not None
        found = ADDRESS.search(self._process.stdout.readline())
        if found is None:
            self._process.kill()
            raise click.ClickException("the monitor did not start; its error stands above")
        self.port = int(found[1])
        self.pid = self._process.pid
        self._browsers: list[Browser] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for browser in self._browsers:
            browser.close()
        self._process.terminate()
        self._process.communicate()

    def browser(self) -> Browser:
        """Return a new browser, which knows nothing yet."""
        self._browsers.append(Browser(self.port))
        return self._browsers[-1]


class Browser:
    """Asks as a page does: one connection that is kept, packed answers, and entity tags.

    Parameters
    ----------
    port
        Of the server.

    Attributes
    ----------
    mistakes : int
        Answers that say that the server is at fault.
    """

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._known: dict[str, str] = {}
        self.mistakes = 0

    def get(
        self, path: str, query: Sequence[tuple[str, object]] = (), *, cached: bool = False
    ) -> Answer:
        """Ask for an address.

        Parameters
        ----------
        path
            With the first slash.
        query
            Names and values.
        cached
            Send the tag of the answer before, so that an unchanged one is not sent again.
        """
        address = path + ("?" + urlencode(query) if query else "")
        headers = {"Accept-Encoding": "gzip"}
        if cached and address in self._known:
            headers["If-None-Match"] = self._known[address]
        started = time.perf_counter()
        self._connection.request("GET", address, headers=headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        seconds = time.perf_counter() - started
        self.mistakes += answer.status >= 500
        if answer.headers.get("ETag"):
            self._known[address] = answer.headers["ETag"]
        return Answer(answer.status, body, seconds)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def peak_memory(pid: int) -> float | None:
    """Return the largest resident memory that a process has had, in MB; None without /proc."""
    try:
        status = (PROC / str(pid) / "status").read_text(encoding="utf-8")
    except OSError:
        return None
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6  # type: ignore[index]


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used; 0 without /proc."""
    try:
        threads = [(one / "schedstat").read_text() for one in (PROC / str(pid) / "task").iterdir()]
    except OSError:
        return 0.0
    return sum(int(text.split()[0]) for text in threads) / 1e9
