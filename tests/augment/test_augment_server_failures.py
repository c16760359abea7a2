"""What happens when processes of the augmentation server, or the training, die or hang."""

from __future__ import annotations

import errno
import gc
import os
import random
import resource
import signal
import subprocess
import time
from dataclasses import replace
from itertools import chain, count, islice
from multiprocessing import resource_tracker
from pathlib import Path

import numpy as np
import pytest
from augment_streams import children, content, draw_pictures, kill, marked, until

from augment.errors import ServerError
from augment.index import Index
from augment.recipe import Recipe
from augment.server import Server, client
from augment.stream import InProcess

SEED = 11
RECIPE = Recipe(side=12, batch_size=16)
FRAGILE = "augment_fragile_worker"


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Index:
    return draw_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def mark(monkeypatch) -> str:
    """A text in the environment of all processes that the test starts."""
    resource_tracker.ensure_running()  # one for all tests, started without it
    text = f"LASAGNETTE_MARK_{random.getrandbits(60)}"
    monkeypatch.setenv(text, "1")
    return text


def with_file(folder: Path, name: str, row: int = 5) -> Index:
    """The index with one picture called otherwise."""
    table = draw_pictures(folder)
    os.rename(table.file(row), folder / name)
    return replace(table, paths=np.where(np.arange(len(table)) == row, name, table.paths))


def epochs_of(table: Index, number: int) -> list[list[bytes]]:
    stream = InProcess(table, RECIPE, SEED)
    return [content(stream.epoch(epoch)) for epoch in range(number)]


@pytest.mark.parametrize(
    ("workers", "kills"), [(3, 6), pytest.param(7, 100, marks=pytest.mark.slow)]
)
def test_killed_workers_change_no_byte(table, workers, kills):
    told: list[str] = []
    stream = InProcess(table, RECIPE, SEED)
    rng = random.Random(workers)
    killed: set[int] = set()
    options = {"workers": workers, "piece": 3, "batches": 3, "deaths": 1000}
    with Server(table, RECIPE, SEED, report=told.append, **options) as server:
        for number in count():
            for got, wanted in zip(server.epoch(number), stream.epoch(number), strict=True):
                assert content([got]) == content([wanted])
                time.sleep(rng.random() * 0.1)
                alive = sorted(set(children(server.pid)) - killed)
                if alive and len(killed) < kills and rng.random() < 0.5:
                    victim = rng.choice(alive)
                    killed.add(victim)
                    kill(victim)
            if len(told) >= kills or number == 200:
                break
        assert until(lambda: list(server.epoch(0)) and server.gauges().get("worker/restarts"))
    assert len(killed) == kills
    assert len(told) == kills, "one sentence each"
    for text in told:
        assert "of the augmentation server ended (killed by SIGKILL); it is started again" in text


def test_seeks_and_kills_at_random_change_no_byte(table):
    wanted = epochs_of(table, 4)
    rng = random.Random(5)
    options = {"workers": 3, "piece": 2, "batches": 3, "deaths": 1000, "report": [].append}
    with Server(table, RECIPE, SEED, **options) as server:
        for turn in range(30):
            number, start = rng.randrange(3), rng.randrange(4)
            some = rng.randrange(1, 5)
            stream = chain.from_iterable(
                server.epoch(n, start * (n == number)) for n in count(number)
            )
            expected = chain(wanted[number][start:], wanted[number + 1])
            assert content(islice(stream, some)) == list(islice(expected, some))
            if turn % 6 == 0:
                for pid in rng.sample(children(server.pid), 1):
                    kill(pid)


def test_the_bytes_with_all_workers_killed_at_once(table):
    wanted = epochs_of(table, 2)
    told: list[str] = []
    with Server(table, RECIPE, SEED, workers=3, report=told.append) as server:
        stream = server.epoch(0)
        got = content([next(stream)])
        for pid in children(server.pid):
            kill(pid)
        got += content(stream)
        assert [got, content(server.epoch(1))] == wanted
        # who was not needed any more is missed later
        assert until(lambda: list(server.epoch(0)) and len(told) == 3)


def test_a_stopped_worker_is_replaced(table):
    stream = InProcess(table, RECIPE, SEED)
    told: list[str] = []
    options = {"workers": 2, "batches": 2, "piece_seconds": 1.0, "report": told.append}
    with Server(table, RECIPE, SEED, **options) as server:
        assert content(server.epoch(0)) == content(stream.epoch(0))
        stopped = children(server.pid)[0]
        kill(stopped, signal.SIGSTOP)
        # On a busy machine it may have been stopped before its first piece: the other one works
        # for both until the limit of starting has passed.
        for number in count(1):
            assert content(server.epoch(number)) == content(stream.epoch(number))
            if told:
                break
        assert stopped not in children(server.pid)
    assert len(told) == 1
    assert "killed by SIGKILL" in told[0]


@pytest.mark.parametrize("what", ["hangs", "stops", "kills", "exits"])
def test_a_file_that_breaks_a_worker_once_is_read_again(tmp_path, what):
    table = with_file(tmp_path, f"once {what}.jpg")
    wanted = epochs_of(table, 2)
    told: list[str] = []
    options = {"workers": 2, "piece_seconds": 1.0, "worker": FRAGILE, "report": told.append}
    with Server(table, RECIPE, SEED, **options) as server:
        assert [content(server.epoch(number)) for number in range(2)] == wanted
    reason = "exit code 7" if what == "exits" else "killed by SIGKILL"
    assert len(told) == 1
    assert told[0].endswith(f"ended ({reason}); it is started again, nothing is lost")


@pytest.mark.parametrize(("what", "deaths"), [("hangs", 1), ("kills", 1), ("kills", 3)])
def test_a_file_that_breaks_every_worker_is_named(tmp_path, mark, what, deaths):
    table = with_file(tmp_path, f"{what}.jpg")
    told: list[str] = []
    options = {"workers": 2, "piece_seconds": 1.0, "worker": FRAGILE, "report": told.append}
    rule = rf"{deaths} workers .* \(killed by SIGKILL\) while they were reading '.*/{what}\.jpg'"
    with (
        Server(table, RECIPE, SEED, deaths=deaths, **options) as server,
        pytest.raises(ServerError, match=rule),
    ):
        list(server.epoch(0))
    # as many for another piece of the same picture, had another worker taken that
    assert deaths - 1 <= len(told) <= 2 * (deaths - 1)
    assert until(lambda: set(marked(mark)) <= {os.getpid()})


def test_a_bug_in_a_worker_ends_the_stream(tmp_path, capfd):
    table = with_file(tmp_path, "raises.jpg")
    with (
        Server(table, RECIPE, SEED, workers=2, worker=FRAGILE) as server,
        pytest.raises(ServerError, match=r"worker .* failed: ZeroDivisionError\('a bug'\)"),
    ):
        list(server.epoch(0))


def test_workers_that_cannot_start(table, monkeypatch, mark):
    monkeypatch.setenv("FRAGILE_START", "3")
    told: list[str] = []
    rule = r"end before they are ready \(exit code 3\); what they wrote stands above"
    with (
        Server(table, RECIPE, SEED, workers=2, worker=FRAGILE, report=told.append) as server,
        pytest.raises(ServerError, match=rule),
    ):
        next(server.epoch(0))
    assert len(told) <= 4
    assert until(lambda: set(marked(mark)) <= {os.getpid()})


def test_workers_that_the_system_does_not_allow(table, mark):
    """One descriptor more than there are open files, for each of two ends of two pipes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, hard))
    try:
        server = Server(table, RECIPE, SEED, workers=200)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    rule = r"worker \d+ of the augmentation server cannot be started \(Too many open files\)"
    with server, pytest.raises(ServerError, match=rule):
        next(server.epoch(0))
    assert until(lambda: set(marked(mark)) <= {os.getpid()})


def test_an_assembler_that_the_system_does_not_allow(table, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", full)
    before = len(os.listdir("/proc/self/fd"))
    rule = r"the augmentation server cannot be started \(Resource temporarily unavailable\)"
    with pytest.raises(ServerError, match=rule):
        Server(table, RECIPE, SEED, workers=1)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_module_that_does_not_exist(table, capfd):
    with (
        Server(table, RECIPE, SEED, workers=1, worker="no_such", report=[].append) as server,
        pytest.raises(ServerError, match=r"before they are ready \(exit code 1\)"),
    ):
        next(server.epoch(0))
    assert "No module named 'no_such'" in capfd.readouterr().err


def read_on(server: Server) -> None:
    """More than the queues can hold."""
    for number in range(10):
        list(server.epoch(number))


@pytest.mark.parametrize("moment", ["starting", "idle", "streaming"])
def test_a_killed_assembler_is_an_error_and_leaves_nothing(table, mark, moment):
    with Server(table, RECIPE, SEED, workers=2) as server:
        if moment != "starting":
            next(server.epoch(0))
        if moment == "idle":
            time.sleep(0.3)
        kill(server.pid)
        rule = r"assembler of the augmentation server has ended \(killed by SIGKILL\); the training"
        started = time.monotonic()
        with pytest.raises(ServerError, match=rule):
            read_on(server)
        assert time.monotonic() - started < 10
        with pytest.raises(ServerError, match="is closed"):
            next(server.epoch(0))
    assert until(lambda: set(marked(mark)) <= {os.getpid()})


def test_a_killed_assembler_leaves_no_stopped_worker(table, mark):
    with Server(table, RECIPE, SEED, workers=2) as server:
        next(server.epoch(0))
        kill(children(server.pid)[0], signal.SIGSTOP)
        kill(server.pid)
        with pytest.raises(ServerError, match="has ended"):
            read_on(server)
    assert until(lambda: set(marked(mark)) <= {os.getpid()}, 5)


def test_a_stopped_assembler_is_an_error_and_leaves_nothing(table, mark, monkeypatch):
    monkeypatch.setattr(client, "_PING_SECONDS", 0.2)
    monkeypatch.setattr(client, "_SILENT_SECONDS", 1.0)
    monkeypatch.setattr(client, "_CLOSE_SECONDS", 0.5)
    with Server(table, RECIPE, SEED, workers=2) as server:
        next(server.epoch(0))
        kill(server.pid, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(ServerError, match="has not answered for 1 s; the training stops here"):
            read_on(server)
        assert time.monotonic() - started < 10
    assert until(lambda: set(marked(mark)) <= {os.getpid()})


def test_an_assembler_that_answers_but_makes_nothing(tmp_path, mark, monkeypatch):
    """Every wait has an end, whatever the reason."""
    monkeypatch.setattr(client, "_PING_SECONDS", 0.2)
    table = with_file(tmp_path, "hangs.jpg")
    options = {"workers": 2, "worker": FRAGILE, "silence": 2.0}
    with (
        Server(table, RECIPE, SEED, **options) as server,
        pytest.raises(ServerError, match="has made no minibatch for 2 s"),
    ):
        list(server.epoch(0))
    assert until(lambda: set(marked(mark)) <= {os.getpid()})


def test_a_minibatch_interrupted_on_its_way_is_not_lost(table, monkeypatch):
    """Ctrl-C in a notebook, many times: the server goes on."""
    wanted = epochs_of(table, 1)[0]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with Server(table, RECIPE, SEED, workers=1, batches=2, silence=5.0) as server:
        for _ in range(3):
            with monkeypatch.context() as patch:
                patch.setattr(client, "Batch", interrupt)
                with pytest.raises(KeyboardInterrupt):
                    next(server.epoch(0))
        assert content(server.epoch(0)) == wanted


def test_a_report_that_raises_loses_no_minibatch(tmp_path):
    """Warnings may be errors."""
    table = draw_pictures(tmp_path)
    os.truncate(table.file(4), 300)
    wanted = content(InProcess(table, RECIPE, SEED, report=lambda _: None).epoch(0))

    def report(text: str) -> None:
        raise RuntimeWarning(text)

    with Server(table, RECIPE, SEED, workers=2, report=report) as server:
        with pytest.raises(RuntimeWarning, match=r"04\.jpg: the picture cannot be read"):
            list(server.epoch(0))
        assert content(server.epoch(0)) == wanted
        assert content(server.epoch(0)) == wanted


def test_damage_met_by_a_worker_that_is_replaced_is_told_once(tmp_path):
    table = draw_pictures(tmp_path)
    os.truncate(table.file(4), 300)
    told: list[str] = []
    wanted = [content(InProcess(table, RECIPE, SEED, report=lambda _: None).epoch(0))] * 2
    with Server(table, RECIPE, SEED, workers=1, report=told.append) as server:
        got = [content(server.epoch(0))]
        kill(children(server.pid)[0])
        got.append(content(server.epoch(0)))
    assert got == wanted
    assert len([text for text in told if "04.jpg" in text]) == 1
    assert len(told) <= 2
