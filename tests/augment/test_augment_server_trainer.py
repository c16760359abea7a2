"""How trainings end: nothing of the augmentation server outlives them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pty
import random
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from augment_streams import children, content, draw_pictures, kill, marked, until

from augment.recipe import Recipe
from augment.stream import InProcess

ROOT = Path(__file__).parents[2]

# A plain script: without ``if __name__ == "__main__":``
HEAD = """
import hashlib, os, sys, time
from augment import index as tables
from augment.recipe import Recipe
from augment.server import Server

table = tables.load(sys.argv[1])
out = open(sys.argv[2], "w", buffering=1)
server = Server(table, Recipe(12, 16), 11, workers=2)
print(server.pid, file=out)
def read(epochs):
    for number in range(epochs):
        for images, labels in server.epoch(number):
            print(hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest(), file=out)
"""
FOREVER = HEAD + "read(10**9)\n"


def shared_memory() -> set[str]:
    """The names of all shared memory that Python made."""
    return {name for name in os.listdir("/dev/shm") if name.startswith("psm_")}


@dataclass
class Script:
    """A script that runs beside the test, and what it may leave behind."""

    folder: Path
    index: Path
    mark: str
    shm: set[str] = field(default_factory=shared_memory)

    def start(self, text: str, command: tuple[str, ...] = (), **options) -> subprocess.Popen:
        path = self.folder / "script.py"
        path.write_text(text, encoding="utf-8")
        (self.folder / "tmp").mkdir(exist_ok=True)
        self.out.unlink(missing_ok=True)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(
            [*command, sys.executable, str(path), str(self.index), str(self.out)],
            env={
                **os.environ,
                self.mark: "1",
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(self.folder / "tmp"),
            },
            cwd=self.folder,
            start_new_session=True,
            **options,
        )

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def lines(self) -> list[str]:
        """What the script has told: the assembler's process number, then minibatches."""
        return self.out.read_text().split("\n")[:-1] if self.out.exists() else []

    def assert_nothing_is_left(self, seconds: float = 8.0) -> None:
        assert until(lambda: not marked(self.mark), seconds), [
            Path(f"/proc/{pid}/cmdline").read_bytes()[-60:] for pid in marked(self.mark)
        ]
        assert until(lambda: shared_memory() <= self.shm, 5)
        assert os.listdir(self.folder / "tmp") == []


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    draw_pictures(folder).save(folder / "index.h5")
    return folder


@pytest.fixture(scope="module")
def digests(tmp_path_factory) -> list[str]:
    """Of two epochs."""
    table = draw_pictures(tmp_path_factory.mktemp("again"))
    stream = InProcess(table, Recipe(12, 16), 11)
    whole = [batch for number in range(2) for batch in content(stream.epoch(number))]
    return [hashlib.sha256(batch).hexdigest() for batch in whole]


@pytest.fixture
def script(pictures, tmp_path):
    made = Script(tmp_path, pictures / "index.h5", f"LASAGNETTE_MARK_{random.getrandbits(60)}")
    yield made
    for pid in marked(made.mark):
        kill(pid)


def finish(process: subprocess.Popen) -> tuple[int, str]:
    """Exit code and what was written to stderr."""
    with process:
        try:
            _, error = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()  # or the end of the block would wait for it
            raise
    return process.returncode, "" if error is None else error.decode()


@pytest.mark.parametrize(
    "end",
    [
        "server.close()",
        "",  # not closed at all
        "stream = server.epoch(2); next(stream)",  # in the middle
        "sys.exit()",
        "del server",
    ],
)
def test_a_plain_script_needs_no_guard_and_no_close(script, digests, end):
    assert finish(script.start(f"{HEAD}read(2)\n{end}\n")) == (0, "")
    assert script.lines()[1:] == digests
    script.assert_nothing_is_left()


def test_a_script_that_ends_at_once_without_cleaning_up(script, digests):
    assert finish(script.start(HEAD + "read(2)\nos._exit(5)\n")) == (5, "")
    assert script.lines()[1:] == digests
    script.assert_nothing_is_left()


def test_an_error_in_the_training_ends_it(script):
    code, error = finish(script.start(HEAD + "for batch in server.epoch(0): 1 / 0\n"))
    assert code == 1
    assert error.count("Traceback") == 1
    assert "ZeroDivisionError" in error
    script.assert_nothing_is_left()


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_streams_do_not_matter(script, digests, closed):
    shell = ("sh", "-c", f'exec "$@" {closed}', "sh")
    code, error = finish(script.start(HEAD + "read(2)\nserver.close()\n", shell))
    assert (code, error) == (0, "")
    assert script.lines()[1:] == digests
    script.assert_nothing_is_left()


def test_no_pipe_takes_the_place_of_a_standard_stream(script, digests):
    """With low numbers free, the memory and the pipes would get them."""
    close = "from multiprocessing import resource_tracker; resource_tracker.ensure_running()\n"
    close += "for number in range(3): os.close(number)\nserver ="
    text = HEAD.replace("server =", close) + "read(2)\nserver.close()\n"
    assert finish(script.start(text)) == (0, "")
    assert script.lines()[1:] == digests
    script.assert_nothing_is_left()


def group(process: subprocess.Popen, number: int) -> None:
    os.killpg(process.pid, number)


def alone(process: subprocess.Popen, number: int) -> None:
    os.kill(process.pid, number)


ENDS = [
    pytest.param(group, signal.SIGINT, id="Ctrl-C"),
    pytest.param(alone, signal.SIGTERM, id="SIGTERM"),
    pytest.param(alone, signal.SIGKILL, id="SIGKILL"),
    pytest.param(group, signal.SIGKILL, id="SIGKILL to all"),
]


@pytest.mark.parametrize(("send", "number"), ENDS)
def test_a_training_killed_while_it_streams_leaves_nothing(script, send, number):
    process = script.start(FOREVER)
    assert until(lambda: len(script.lines()) > 5)
    assert len(marked(script.mark)) >= 4
    send(process, number)
    code, error = finish(process)
    assert code == -number
    if number == signal.SIGINT:
        assert error.count("Traceback") == error.count("KeyboardInterrupt") == 1
    else:
        assert error == ""
    script.assert_nothing_is_left()


@pytest.mark.parametrize(("send", "number"), ENDS)
def test_a_training_killed_while_it_starts_leaves_nothing(script, send, number):
    kill_at_random_moments(script, send, number, 1)


@pytest.mark.slow
@pytest.mark.parametrize(("send", "number"), ENDS)
def test_a_training_killed_at_any_moment_leaves_nothing(script, send, number):
    kill_at_random_moments(script, send, number, 25)


def kill_at_random_moments(script: Script, send: Callable, number: int, times: int) -> None:
    rng = random.Random(f"{number} {send.__name__}")
    for _ in range(times):
        process = script.start(FOREVER, stderr=subprocess.DEVNULL)
        # from when the shared memory is made to when workers are ready
        assert until(lambda: marked(script.mark))
        moment = rng.random() * 1.5
        time.sleep(moment)
        send(process, number)
        finish(process)
        script.assert_nothing_is_left()


def in_terminal(descriptor: int) -> Callable[[], None]:
    """What makes a terminal the one of a new session."""
    return lambda: fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("how", ["Ctrl-C", "closed"])
def test_the_terminal_ends_it(script, how):
    ours, theirs = pty.openpty()
    process = script.start(
        FOREVER, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=in_terminal(theirs)
    )
    os.close(theirs)
    assert until(lambda: len(script.lines()) > 5)
    if how == "Ctrl-C":
        os.write(ours, b"\x03")
        assert until(lambda: process.poll() is not None)
        assert os.read(ours, 1 << 16).count(b"Traceback") == 1
    os.close(ours)
    code, _ = finish(process)
    assert code == -(signal.SIGINT if how == "Ctrl-C" else signal.SIGHUP)
    script.assert_nothing_is_left()


def test_a_training_killed_together_with_a_stopped_worker(script):
    process = script.start(FOREVER)
    assert until(lambda: len(script.lines()) > 5)
    kill(children(int(script.lines()[0]))[0], signal.SIGSTOP)
    kill(process.pid)
    finish(process)
    script.assert_nothing_is_left()


FORK = """
child = os.fork()
if not child:
    {child}
"""


def test_a_forked_copy_of_the_training_does_no_harm(script, digests):
    """It ends like a script; and one that lives on holds the training's pipes open."""
    text = HEAD + "next(server.epoch(0))\n"
    text += FORK.format(child="sys.exit()") + "assert os.waitpid(child, 0)[1] == 0\n"
    text += FORK.format(child="time.sleep(60); os._exit(0)")
    text += "read(2)\nstarted = time.monotonic()\nserver.close()\n"
    text += "print(time.monotonic() - started < 3, file=out)\nos.kill(child, 9)\n"
    assert finish(script.start(text)) == (0, "")
    assert script.lines()[1:] == [*digests, "True"]
    script.assert_nothing_is_left()


def test_a_forked_copy_does_not_keep_the_server_of_a_killed_training(script):
    child = "time.sleep(60); os._exit(0)"
    text = HEAD + "next(server.epoch(0))\n" + FORK.format(child=child) + "read(9**9)"
    process = script.start(text, stderr=subprocess.DEVNULL)
    assert until(lambda: len(script.lines()) > 5)
    kill(process.pid)
    process.wait()
    assert until(lambda: not Path(f"/proc/{script.lines()[0]}").exists(), 8)
    assert until(lambda: len(marked(script.mark)) <= 2)  # the copy, and what tracks its memory
