from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from augment_streams import content, damage, draw_pictures, until

from augment import remote
from augment.distributed import DaskStream
from augment.errors import DataError, ServerError
from augment.recipe import Recipe
from augment.stream import InProcess, Threaded
from augment.streams import open_stream

distributed = pytest.importorskip("distributed")

ROOT = Path(__file__).resolve().parents[2]
RECIPE = Recipe(12, 8)
SEED = 5
EPOCHS = 3

# Some files end the worker that reads them, or are too much for the decoder.
FRAGILE = """
import os, signal
from augment.cache import PhotoCache
def read(self, key, whole=PhotoCache.read):
    if "kills" in key:
        os.kill(os.getpid(), signal.SIGKILL)
    if "raises" in key:
        raise ZeroDivisionError("a bug")
    return whole(self, key)
PhotoCache.read = read
"""


class Cluster:
    """A scheduler and its workers, started as one would in shells."""

    def __init__(self, folder: Path, **settings: str):
        self.folder, self.settings = folder, settings
        self.processes: list[subprocess.Popen] = []
        self.file = folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        assert until(lambda: self.file.is_file() and self.file.read_text()), "no scheduler"
        address = json.loads(self.file.read_text())["address"]
        self.url = address.replace("tcp://", "dask://")
        self.client = distributed.Client(address, set_as_default=False)

    def start(self, *words: str) -> None:
        with (self.folder / "stderr").open("a") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--scheduler-file", str(self.file)],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **self.settings},
                stderr=stderr,
                start_new_session=True,
            )
        self.processes.append(process)

    def add(self, workers: int, *words: str) -> None:
        before = len(self.client.nthreads())
        settings = ("--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard")
        for _ in range(workers):
            self.start("worker", *settings, *words, "--local-directory", str(self.folder))
        self.client.wait_for_workers(before + workers, timeout=20)

    def close(self) -> None:
        self.client.close()
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def pids(self) -> list[int]:
        return list(self.client.run(os.getpid).values())

    def stream(self, index, recipe=RECIPE, **options) -> DaskStream:
        return DaskStream(index, recipe, SEED, self.url, patience=20, **options)


@contextmanager
def cluster(folder: Path, **settings: str) -> Iterator[Cluster]:
    made = Cluster(folder, **settings)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Iterator[Cluster]:
    """Two workers, whose nannies start them again."""
    with cluster(tmp_path_factory.mktemp("pair")) as made:
        made.add(2)
        yield made


@pytest.fixture
def table(tmp_path):
    return draw_pictures(tmp_path)


def expected(index, epochs=EPOCHS, recipe=RECIPE, report=pytest.fail) -> list[list[bytes]]:
    stream = InProcess(index, recipe, SEED, report=report)
    return [content(stream.epoch(number)) for number in range(epochs)]


def test_the_same_bytes_for_two_workers_and_nothing_is_left(pair, table):
    small = replace(RECIPE, batch_size=64)
    for recipe in (RECIPE, small):  # cut, and not cut into pieces
        with pair.stream(table, recipe, piece=4 if recipe is RECIPE else 64) as stream:
            assert stream.steps_per_epoch == InProcess(table, recipe, SEED).steps_per_epoch
            found = [content(stream.epoch(number)) for number in range(EPOCHS)]
            gauges = stream.gauges()
        assert found == expected(table, recipe=recipe)
        assert gauges["worker/count"] == 2
        assert gauges["worker/pieces"] > 0
        assert 0 < gauges["queue/waited"] < 1
        assert 0 < gauges["cache/hits"] < 1
    assert until(
        lambda: (
            not pair.client.run_on_scheduler(
                lambda dask_scheduler: [
                    key for key in dask_scheduler.tasks if "lasagnette" in str(key)
                ]
            )
        )
    )
    for streams in pair.client.run(lambda: list(remote._streams.values())).values():
        assert streams == [None, None]


def test_resumed_at_any_step_and_read_in_any_order(pair, table):
    whole = expected(table)
    with pair.stream(table) as stream:
        assert content(stream.epoch(1, 2)) == whole[1][2:]
        assert content(stream.epoch(2)) == whole[2]
        assert content(islice(stream.epoch(0), 2)) == whole[0][:2]
        assert content(stream.epoch(0, 2)) == whole[0][2:]
        left = stream.epoch(0)
        next(left)
        assert content(stream.epoch(1)) == whole[1]
        with pytest.raises(ServerError, match="another epoch was begun"):
            next(left)
    with pytest.raises(ServerError, match="is closed"):
        next(stream.epoch(0))


@pytest.mark.parametrize("times", [1, 99])
def test_a_minibatch_that_dask_cancels_is_asked_for_again(pair, table, monkeypatch, times):
    """It does so with tasks that it no longer knows all of, while the connection stays."""
    whole = expected(table)
    cancelled = []

    def cancelling(stream, batch, real=DaskStream._results):
        if batch.step == 1 and len(cancelled) < times:
            cancelled.append(batch)
            batch.made.cancel()
            raise CancelledError
        return real(stream, batch)

    monkeypatch.setattr(DaskStream, "_results", cancelling)
    with pair.stream(table) as stream:
        if times == 1:
            assert content(stream.epoch(0)) == whole[0]
        else:
            with pytest.raises(ServerError, match="is lost; the training stops here and can be"):
                content(stream.epoch(0))
    assert len(cancelled) == min(times, 3)


def test_the_same_bytes_where_workers_are_killed_and_join(tmp_path, table):
    told: list[str] = []
    reference = InProcess(table, RECIPE, SEED)
    with cluster(tmp_path) as made:
        made.add(1)
        with made.stream(table, report=told.append) as stream:
            assert content(stream.epoch(0)) == content(reference.epoch(0))
            number = 1

            def read_until(reached) -> None:
                nonlocal number
                limit = time.monotonic() + 20
                while not reached():
                    assert time.monotonic() < limit
                    assert content(stream.epoch(number)) == content(reference.epoch(number))
                    number += 1
                    time.sleep(0.05)

            made.add(1, "--no-nanny")
            read_until(lambda: stream.gauges()["worker/count"] == 2)
            epoch = stream.epoch(number)
            first = content([next(epoch)])
            for pid in made.pids():  # and with them the index; one is started again
                os.kill(pid, signal.SIGKILL)
            assert first + content(epoch) == content(reference.epoch(number))
            number += 1
            read_until(lambda: told)
            assert stream.gauges()["worker/count"] == 1
    assert any("is gone; its pieces are made again" in text for text in told)


def test_a_damaged_picture_is_told_of_once(pair, table):
    damage(table, [3, 25])
    told: list[str] = []
    wanted: list[str] = []
    with pair.stream(table, report=told.append, piece=1) as stream:
        found = [content(stream.epoch(number)) for number in range(EPOCHS)]
    assert found == expected(table, report=wanted.append)
    assert sorted(told) == sorted(wanted)
    assert len(told) == 2


def test_errors_of_a_worker(pair, table, monkeypatch):
    damage(table, range(20))
    with (
        pair.stream(table, report=lambda text: None) as stream,
        pytest.raises(DataError, match="a class of the index has no picture that can be read"),
    ):
        next(stream.epoch(0))
    monkeypatch.setattr(remote, "versions", lambda: {"numpy": "0.1"})
    with (
        pair.stream(table) as stream,
        pytest.raises(ServerError, match=rf"worker tcp.* has numpy {np.__version__}, the training"),
    ):
        next(stream.epoch(0))


def test_files_that_a_worker_does_not_find(pair, table, tmp_path):
    mine = Path(f"/proc/self/task/{os.getpid()}/root{tmp_path}")  # no worker has this thread
    with (
        pair.stream(replace(table, root=mine)) as stream,
        pytest.raises(DataError, match=rf"worker tcp.* does not find '{mine}', which is there"),
    ):
        next(stream.epoch(0))
    paths = table.paths.astype(object)
    paths[5] = str(mine / paths[5])
    with (
        pair.stream(replace(table, paths=paths.astype(str))) as stream,
        pytest.raises(DataError, match=rf"does not find '{paths[5]}', .* at the same paths"),
    ):
        content(stream.epoch(0))


def test_a_bug_and_the_end_of_workers(tmp_path, table):
    (tmp_path / "fragile.py").write_text(FRAGILE)

    def renamed(name: str):
        os.link(table.file(0), tmp_path / name)
        return replace(table, paths=np.array([name, *table.paths[1:]]))

    with cluster(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1") as made:
        made.add(1, "--preload", str(tmp_path / "fragile.py"))
        with (
            made.stream(renamed("raises.jpg")) as stream,
            pytest.raises(ServerError, match=r"worker tcp.* failed: ZeroDivisionError\('a bug'\)"),
        ):
            content(stream.epoch(0))
        with (
            made.stream(renamed("kills.jpg"), report=lambda text: None) as stream,
            pytest.raises(ServerError, match=r"2 Dask workers ended while .* samples of '/.*jpg'"),
        ):
            content(stream.epoch(0))


def test_lost_workers_and_a_lost_scheduler_are_said(tmp_path, table):
    with cluster(tmp_path) as made:
        with pytest.raises(ServerError, match=r"has had no worker for 1 s.*dask worker tcp://"):
            DaskStream(table, RECIPE, SEED, made.url, patience=1)
        (tmp_path / "bare.py").write_text("import sys; sys.modules['augment'] = None")
        made.add(1, "--no-nanny", "--preload", str(tmp_path / "bare.py"))
        with pytest.raises(ServerError, match=r"worker tcp.* cannot import .* install lasagnette"):
            made.stream(table)
        made.processes[-1].kill()
        assert until(lambda: not made.client.nthreads())
        made.add(1, "--no-nanny")
        with made.stream(table, silence=2.0) as stream:
            assert content(stream.epoch(0)) == expected(table)[0]
            (pid,) = made.pids()
            os.kill(pid, signal.SIGSTOP)
            with pytest.raises(ServerError, match=r"no minibatch .* for 2 s; it has 1 workers"):
                content(stream.epoch(2))
            os.kill(pid, signal.SIGCONT)
            assert content(stream.epoch(2)) == expected(table)[2]
            made.processes[0].kill()
            with pytest.raises(ServerError, match=r"is lost; the training|does not answer"):
                content(stream.epoch(0))
            started = time.monotonic()
        assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    "url", ["tcp://127.0.0.1:8786", "dask://", "8786", "dask://host:port", "dask://host:1/there"]
)
def test_addresses_that_are_none(table, url):
    with pytest.raises(ServerError, match="is given as dask://host:port; got"):
        open_stream(table, RECIPE, SEED, workers_on=url)


def test_no_scheduler_no_dask_wrong_arguments(table, monkeypatch):
    with pytest.raises(ServerError, match=r"no Dask scheduler answers at dask://127\.0\.0\.1:9 "):
        DaskStream(table, RECIPE, SEED, "dask://127.0.0.1:9", patience=0.5)
    with pytest.raises(ServerError, match="batches must be at least 2; got 1"):
        DaskStream(table, RECIPE, SEED, "dask://h", batches=1)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ServerError, match=r"pip install distributed"):
        open_stream(table, RECIPE, SEED, workers_on="dask://host")


def test_one_line_opens_each_kind_of_stream(pair, table):
    whole = expected(table, 1)[0]
    for options in ({}, {"workers": 1}, {"workers_on": pair.url}):
        with open_stream(table, RECIPE, SEED, report=pytest.fail, **options) as stream:
            assert content(stream.epoch(0)) == whole
    assert isinstance(open_stream(table, RECIPE, SEED), Threaded)
