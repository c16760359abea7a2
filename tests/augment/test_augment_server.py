from __future__ import annotations

import gc
import os
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from augment_streams import BACKGROUNDS, FACES, children, content, damage, draw_pictures, until

from augment.errors import DataError, ServerError
from augment.fixed import fix_backgrounds
from augment.index import FACE, Index
from augment.recipe import Recipe
from augment.server import Server
from augment.stream import InProcess, Threaded
from augment.transforms import Intervals

SEED = 11
RECIPE = Recipe(side=12, batch_size=16)
EVERYTHING = Intervals(
    rotation=30, brightness=40, contrast=1.5, blur=1.5, noise=12, jpeg=30, grey=0.3
)


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Index:
    return draw_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def epochs(table) -> list[list[bytes]]:
    """Three epochs as they are made in this process."""
    stream = InProcess(table, RECIPE, SEED)
    return [content(stream.epoch(number)) for number in range(3)]


def test_an_epoch_is_long_enough_to_tell_something(epochs):
    assert [len(epoch) for epoch in epochs] == [3, 3, 3]
    assert len({batch for epoch in epochs for batch in epoch}) == 9


@pytest.mark.parametrize(
    ("workers", "options"),
    [
        (1, {}),
        (1, {"piece": 1, "batches": 2, "ahead": 1}),
        (2, {"piece": 3, "ahead": 4}),
        (7, {"piece": 5, "batches": 3}),
    ],
)
def test_the_bytes_do_not_depend_on_who_makes_them(table, epochs, workers, options):
    with Server(table, RECIPE, SEED, workers=workers, **options) as server:
        assert server.steps_per_epoch == 3
        for number, epoch in enumerate(epochs):  # one after another
            assert content(server.epoch(number)) == epoch
        assert content(server.epoch(1, start=2)) == epochs[1][2:]  # back, and resumed
        left = server.epoch(0)
        next(left)
        assert content(server.epoch(2, start=1)) == epochs[2][1:]  # the other one is abandoned
        again = server.epoch(0)
        first = content([next(again), next(again)])
        again.close()
        assert first + content(server.epoch(0, start=2)) == epochs[0]  # left, and gone on with
        assert content(server.epoch(1)) == epochs[1]


@pytest.mark.parametrize(
    "recipe",
    [
        replace(RECIPE, intervals=None),
        replace(RECIPE, intervals=EVERYTHING, backgrounds_per_face=3),
        replace(RECIPE, task="calibration", batch_size=300, intervals=None),
        replace(RECIPE, task="calibration", batch_size=300, intervals=EVERYTHING),
        replace(RECIPE, task="classes", intervals=EVERYTHING),
    ],
    ids=["plain", "everything", "calibration plain", "calibration everything", "classes"],
)
def test_every_recipe_gives_the_same_bytes(table, recipe):
    if recipe.intervals is None:
        table = fix_backgrounds(table, 20, seed=0)
    table = replace(table, weights=np.where(np.arange(len(table)) % 3, 1, 1.5).astype(np.float32))
    wanted = [content(InProcess(table, recipe, SEED).epoch(number)) for number in range(2)]
    assert len(wanted[0]) >= 2
    with Threaded(table, recipe, SEED) as threaded:
        assert [content(threaded.epoch(number)) for number in range(2)] == wanted
    with Server(table, recipe, SEED, workers=2, piece=7) as server:
        assert [content(server.epoch(number)) for number in range(2)] == wanted


def test_seeds_differ(table, epochs):
    with Server(table, RECIPE, SEED + 1, workers=1) as server:
        assert not set(content(server.epoch(0))) & set(epochs[0])


def test_minibatches_are_the_callers_own(table):
    """A minibatch that is kept does not change when its place in the memory is used again."""
    with Server(table, RECIPE, SEED, workers=1, batches=2) as server:
        kept = list(server.epoch(0))
        before = content(kept)
        images, labels = kept[0]
        assert images.dtype == np.uint8
        assert images.shape == (16, 3, 12, 12)
        assert labels.dtype == np.int32
        assert images.flags.owndata
        assert images.flags.writeable
        list(server.epoch(1))
        assert content(kept) == before
    assert content(kept) == before


def test_nothing_is_made_twice_and_nothing_for_nothing(table, epochs, tmp_path, monkeypatch):
    """Over the ends of epochs every sample is made once, and no further ahead than allowed."""
    monkeypatch.setenv("FRAGILE_LOG", str(tmp_path / "log"))
    options = {"workers": 3, "piece": 4, "batches": 2, "worker": "augment_fragile_worker"}
    with Server(table, RECIPE, SEED, **options) as server:
        for number, epoch in enumerate(epochs):
            assert content(server.epoch(number)) == epoch
        quiet = len(until_quiet(tmp_path / "log"))
    lines = [line.split() for line in until_quiet(tmp_path / "log")]
    assert len(lines) == quiet
    made = Counter((epoch, step, place) for epoch, step, *places in lines for place in places)
    assert set(made.values()) == {1}
    assert len(made) == (9 + 2) * 16  # all that was read, and two minibatches ahead


def until_quiet(log: Path) -> list[str]:
    """What a log holds once nothing has been added for half a second."""
    text, since = "", time.monotonic()
    while time.monotonic() < since + 0.5:
        now = log.read_text()
        if now != text:
            text, since = now, time.monotonic()
        time.sleep(0.02)
    return text.splitlines()


def test_a_trainer_that_does_not_read_stops_the_workers(table):
    """Bounded queues: after a few minibatches nobody works, and memory does not grow."""
    with Server(table, RECIPE, SEED, workers=2, batches=3) as server:
        stream = server.epoch(0)
        next(stream)
        pids = [server.pid, *children(server.pid)]
        assert len(pids) == 3
        time.sleep(2)  # the queues fill up
        before = [used(pid) for pid in pids]
        time.sleep(1.5)
        after = [used(pid) for pid in pids]
        for (ticks, size), (ticks_later, size_later) in zip(before, after, strict=True):
            assert ticks_later - ticks <= 0.1 * 1.5 * os.sysconf("SC_CLK_TCK")
            assert size_later <= size + 256
        assert len(content(stream)) == 2


def used(pid: int) -> tuple[int, int]:
    """Ticks of processor time and pages of memory that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]), int(fields[21])


def test_gauges_are_plausible(table):
    with Server(table, RECIPE, SEED, workers=2, batches=4, piece=4) as server:
        assert set(server.gauges()) == {"queue/waited"}
        started, seen, steps = time.monotonic(), [], 0
        while time.monotonic() < started + 3.5:
            steps += len(list(server.epoch(len(seen))))
            seen.append(server.gauges())
        seconds = time.monotonic() - started
        time.sleep(0.3)
        assert server.gauges()["queue/waited"] == 0
    names = {"pieces", "batches", "waited"}
    wanted = {f"queue/{name}" for name in names} | {"cache/hits", "worker/restarts"}
    last = seen[-1]
    assert set(last) == wanted | {"worker/0", "worker/1"}
    for told in seen:
        assert 0 <= told["queue/waited"] <= 1
        assert 0 <= told.get("queue/batches", 0) <= 4
        assert 0 <= told.get("queue/pieces", 0) <= 4 * 4
    assert last["worker/restarts"] == 0
    assert last["cache/hits"] > 0.9  # 30 photographs have been read by now
    least = steps * 4 / seconds  # pieces of at most 4 samples
    assert 0 < last["worker/0"] + last["worker/1"] < 100 * least


def test_a_tiny_cache_changes_nothing_but_speed(table, epochs):
    with Server(table, RECIPE, SEED, workers=2, cache_bytes=1) as server:
        for number, epoch in enumerate(epochs):
            assert content(server.epoch(number)) == epoch


@pytest.mark.parametrize("workers", [1, 3])
def test_damaged_pictures_are_told_once_and_replaced(tmp_path, workers):
    table = draw_pictures(tmp_path)
    damage(table, (3, 4, 19, FACES + 2))
    told: list[str] = []
    plain = InProcess(table, RECIPE, SEED, report=told.append)
    wanted = [content(plain.epoch(number)) for number in range(4)]
    expected, told[:] = sorted(told), []
    assert len(expected) == 4
    with Server(table, RECIPE, SEED, workers=workers, piece=2, report=told.append) as server:
        for number, epoch in enumerate(wanted):
            assert content(server.epoch(number)) == epoch
    assert sorted(told) == expected
    assert "03.jpg: the picture cannot be read" in expected[0]


@pytest.mark.parametrize("kind", [InProcess, Threaded, Server])
def test_no_readable_picture_is_an_error_and_no_hang(tmp_path, kind):
    table = draw_pictures(tmp_path)
    damage(table, range(FACES))
    told: list[str] = []
    options = {"workers": 2} if kind is Server else {}
    with (
        kind(table, RECIPE, SEED, report=told.append, **options) as stream,
        pytest.raises(DataError, match="a class of the index has no picture that can be read"),
    ):
        list(stream.epoch(0))
    assert len(told) == len(set(told)) <= FACES


def test_what_no_stream_can_be_made_of(table):
    faces = table.select(table.labels == FACE)
    with pytest.raises(DataError, match="the index has no face of any weight among its 10 rows"):
        Server(table.select(table.labels != FACE), RECIPE, SEED, workers=1)
    with (
        Server(faces, RECIPE, SEED, workers=1) as server,
        pytest.raises(DataError, match="the index has no background among its 20 rows"),
    ):
        next(server.epoch(0))
    plain = replace(RECIPE, intervals=None)
    with (
        Server(table, plain, SEED, workers=1) as server,
        pytest.raises(DataError, match=f"{BACKGROUNDS} rows whose square is still to be drawn"),
    ):
        next(server.epoch(0))


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("workers", 0, r"be a whole number in \[1, 1024\]; got 0"),
        ("workers", 2.5, r"be a whole number in \[1, 1024\]; got 2.5"),
        ("workers", "2", r"be a whole number in \[1, 1024\]; got '2'"),
        ("batches", 1, r"be a whole number in \[2, 1024\]; got 1"),
        ("piece", 1025, r"be a whole number in \[1, 1024\]; got 1025"),
        ("ahead", 5, r"be a whole number in \[1, 4\]; got 5"),
        ("deaths", 0, r"be a whole number in \[1, 1000\]; got 0"),
        ("cache_bytes", -1, r"be a whole number in \[0, .*; got -1"),
        ("seed", -1, r"be a whole number in \[0, .*; got -1"),
        ("piece_seconds", 0, "be a number of seconds above 0; got 0"),
        ("silence", float("nan"), "be a number of seconds above 0; got nan"),
    ],
)
def test_arguments_out_of_range(table, name, value, rule):
    with pytest.raises(ServerError, match=f"Server: {name} must {rule}"):
        Server(table, RECIPE, **{"seed": SEED, "workers": 1, name: value})


def test_epochs_out_of_range(table, epochs):
    with Server(table, RECIPE, SEED, workers=1) as server:
        for number, start in ((-1, 0), (0, -1)):
            with pytest.raises(ServerError, match="not be negative"):
                next(server.epoch(number, start))
        assert content(server.epoch(0, start=3)) == []
        assert content(server.epoch(0)) == epochs[0]


def test_an_epoch_resumed_at_its_end_is_empty_and_does_no_harm(table, epochs):
    with Server(table, RECIPE, SEED, workers=1) as server:
        assert content(server.epoch(1)) == epochs[1]
        assert content(server.epoch(0, start=3)) == []
        assert content(server.epoch(2)) == epochs[2]
        assert content(server.epoch(0, start=3)) == []
        assert content(server.epoch(1)) == epochs[1]


def test_one_epoch_is_read_at_a_time(table, epochs):
    with Server(table, RECIPE, SEED, workers=1) as server:
        for start in (0, 1):
            old = server.epoch(0)
            first = content([next(old)])
            new = server.epoch(0, start)
            rest = content([next(new)])
            with pytest.raises(ServerError, match="another epoch was begun before this one"):
                next(old)
            rest += content(new)
            assert first == epochs[0][:1]
            assert rest == epochs[0][start:]


def test_a_closed_server_says_so(table):
    server = Server(table, RECIPE, SEED, workers=1)
    running, fresh = server.epoch(0), server.epoch(1)
    next(running)
    server.close()
    server.close()
    taken = os.open(os.devnull, os.O_RDWR)  # what comes next gets the numbers of its pipes
    other = os.dup(taken)
    try:
        for stream in (running, fresh, server.epoch(0)):
            with pytest.raises(ServerError, match="the stream of minibatches is closed"):
                next(stream)
    finally:
        os.close(taken)
        os.close(other)


def test_closing_frees_the_memory(table):
    before = shared_memory()
    with Server(table, RECIPE, SEED, workers=1) as server:
        next(server.epoch(0))
        assert shared_memory() > before
    assert shared_memory() == before  # though the object is still there
    assert server.steps_per_epoch == 3


def shared_memory() -> int:
    """How many mappings of shared memory this process has."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return sum("/dev/shm/" in line or "memfd:" in line for line in maps)


def test_a_forgotten_server_ends_its_processes(table):
    server = Server(table, RECIPE, SEED, workers=2)
    stream = server.epoch(0)
    next(stream)
    pids = [server.pid, *children(server.pid)]
    assert len(pids) == 3
    del stream, server
    gc.collect()
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_two_servers_at_once_in_two_threads(table, epochs):
    got: dict[int, list[bytes]] = {}

    def work(number: int) -> None:
        with Server(table, RECIPE, SEED, workers=2) as server:
            got[number] = content(server.epoch(number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert got == {0: epochs[0], 1: epochs[1]}


def test_a_process_with_many_open_files_can_use_it(table, epochs):
    """More than select() can hold."""
    null = os.open(os.devnull, os.O_RDONLY)
    held = [null, *(os.dup(null) for _ in range(1100))]
    try:
        with Server(table, RECIPE, SEED, workers=1) as server:
            assert content(server.epoch(0)) == epochs[0]
    finally:
        for number in held:
            os.close(number)
