from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from augment_streams import draw_pictures
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.errors import ServerError
from augment.recipe import Recipe
from augment.server.pieces import homes
from augment.server.plan import Memory, Plan, create
from augment.server.wire import Inbox, pack_json, pack_numbers, send, unpack_json, unpack_numbers
from augment.transforms import Intervals

PLAN = Plan(
    recipe=Recipe(5, 7, intervals=Intervals(scale=(0.3, 1.7))),
    seed=2**40,
    workers=3,
    batches=4,
    piece=2,
    ahead=2,
    cache_bytes=1000,
    index_bytes=10,
    piece_seconds=1.5,
    deaths=3,
    worker="augment.server.worker",
)


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


@settings(deadline=None, max_examples=50)
@given(
    frames=st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=20),
    cuts=st.lists(st.integers(1, 30), min_size=1, max_size=20),
)
def test_frames_come_out_as_they_went_in_however_the_bytes_are_cut(frames, cuts):
    source, target = os.pipe()
    inner_source, inner_target = os.pipe()
    try:
        for kind, content in frames:
            send(target, kind, content)
        os.close(target)
        target = -1
        data = b""
        while part := os.read(source, 1 << 16):
            data += part
        inbox, got, at, turn = Inbox(inner_source), [], 0, 0
        while at < len(data):
            length = cuts[turn % len(cuts)]
            os.write(inner_target, data[at : at + length])
            got += list(inbox.read())
            at, turn = at + length, turn + 1
        assert got == frames
    finally:
        for end in (source, target, inner_source, inner_target):
            if end >= 0:
                os.close(end)


def test_a_reader_that_stops_between_frames_loses_none(pipe):
    inbox = Inbox(pipe[0])
    for number in range(3):
        send(pipe[1], number, b"x" * number)
    assert next(inbox.read()) == (0, b"")
    send(pipe[1], 3)
    assert list(inbox.read()) == [(1, b"x"), (2, b"xx"), (3, b"")]


def test_a_closed_pipe_is_told_at_both_ends(pipe):
    os.close(pipe[1])
    with pytest.raises(EOFError):
        Inbox(pipe[0]).read()
    source, target = os.pipe()
    os.close(source)
    with pytest.raises(BrokenPipeError):
        send(target, 1, b"abc")
    os.close(target)


@settings(deadline=None, max_examples=50)
@given(numbers=st.lists(st.integers(0, 2**64 - 1), max_size=5))
def test_numbers_and_json_survive(numbers):
    assert unpack_numbers(pack_numbers(*numbers)) == tuple(numbers)
    assert unpack_json(pack_json({"n": numbers, "é": None})) == {"n": numbers, "é": None}


def test_a_plan_survives_the_command_line():
    assert Plan.parse(PLAN.dump()) == PLAN
    plain = replace(PLAN, recipe=replace(PLAN.recipe, intervals=None, smallest=1 / 3))
    assert Plan.parse(plain.dump()) == plain


def test_the_memory_has_a_place_for_everything(tmp_path):
    index = draw_pictures(tmp_path)
    file = tmp_path / "index.h5"
    index.save(file)
    stored = file.read_bytes()
    plan = replace(PLAN, index_bytes=len(stored))
    shared = create(plan)
    try:
        one, other = Memory(plan, shared), Memory(plan, shared)
        assert one.images.shape == (4, 7, 3, 5, 5)
        assert one.labels.shape == (4, 7)
        one.put_index(stored)
        one.images[...], one.labels[...] = 255, -1
        for number in range(3):
            one.set_reading(number, f"/a/{number}/ä")
        one.set_reading(1, "")
        one.set_reading(2, "x" * 5000)
        assert other.doing(0)[1] == "/a/0/ä"
        assert other.doing(1)[1] == ""
        assert other.doing(2)[1] == "x" * 1014
        one.set_busy(1, 77)
        assert other.doing(1) == (77, "")
        np.testing.assert_array_equal(other.index().paths, index.paths)
        assert (other.images == 255).all()
        assert (other.labels == -1).all()
    finally:
        os.close(shared)


def test_the_shared_memory_has_no_name():
    before = sorted(os.listdir("/dev/shm"))
    shared = create(PLAN)
    assert sorted(os.listdir("/dev/shm")) == before
    assert os.fstat(shared).st_nlink == 0
    os.close(shared)


def test_too_little_shared_memory_is_said(monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    os.close(create(PLAN))
    monkeypatch.setattr(os, "posix_fallocate", full)
    before = os.listdir("/proc/self/fd")
    rule = r"needs 0 MB of shared memory \(No space left on device\); give it more \(containers:"
    with pytest.raises(ServerError, match=rule):
        create(PLAN)
    assert os.listdir("/proc/self/fd") == before


@settings(deadline=None, max_examples=50)
@given(
    rows=st.lists(st.integers(0, 8), min_size=9, max_size=60),
    workers=st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_homes_are_shared_out_evenly(rows, workers, seed):
    rows_of = np.array([*range(9), *rows])
    weights = np.random.default_rng(seed).random(len(rows_of))
    home = homes(rows_of, weights, workers)
    assert home.shape == (9,)
    photos = np.bincount(home, minlength=workers)
    assert len(photos) == workers
    assert photos.max() - photos.min() <= 1
    load = np.bincount(rows_of, weights)
    loads = np.bincount(home, load, minlength=workers)
    assert loads.max() - loads.min() <= load.max() + 1e-9
