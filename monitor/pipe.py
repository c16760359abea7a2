"""The training's end of the pipe to the process that writes its run log."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import Any

from monitor.process import child_command
from monitor.wire import Inbox, pack

__all__ = ["WriterGone", "WriterProcess"]

_START_SECONDS = 60.0


class WriterGone(Exception):
    """The writing process has failed; the message is its reason."""


class WriterProcess:
    """A running `monitor.writer`.

    Parameters
    ----------
    parent : int
        Process number of the training.
    **start
        The arguments of `monitor.writer.Writer`.
    """

    def __init__(self, parent: int, **start: Any) -> None:
        self._process = subprocess.Popen(
            child_command("monitor.writer", str(parent)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # it only moves bytes
            start_new_session=True,  # Ctrl-C in the terminal is the training's business
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._outgoing, self._incoming = self._process.stdin, self._process.stdout
        self._inbox = Inbox(self._incoming.fileno())
        self._send(pack(start))

    @property
    def pid(self) -> int:
        """The process number."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Wait until the first segment stands.

        Raises
        ------
        WriterGone
            If it cannot be made.
        """
        self._await(_START_SECONDS)

    def commit(self, messages: list[bytes]) -> None:
        """Send messages and wait until their content is in the file.

        Raises
        ------
        WriterGone
            If the process cannot write, or is gone.
        """
        self._send(b"".join([*messages, pack({"kind": "flush"})]))
        self._await(None)

    def end(self, patience: float) -> None:
        """Close the pipe and wait for the process to end; kill it after `patience` seconds."""
        with contextlib.suppress(OSError):
            self._outgoing.close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
        self._incoming.close()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    def _send(self, content: bytes) -> None:
        # A process that is gone may have said why: let `_await` tell.
        with contextlib.suppress(OSError):
            self._outgoing.write(content)
            self._outgoing.flush()

    def _await(self, timeout: float | None) -> None:
        try:
            answer = self._inbox.receive(timeout)
        except EOFError:
            code = self._process.wait()
            raise WriterGone(f"the writing process ended with code {code}") from None
        if answer is None:
            raise WriterGone(f"the writing process did not answer for {timeout:g} s")
        if "error" in answer[0]:
            raise WriterGone(answer[0]["error"])
