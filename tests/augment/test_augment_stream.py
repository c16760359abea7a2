from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from augment_streams import content, damage, draw_pictures

from augment.cache import PhotoCache
from augment.errors import DataError, ServerError
from augment.functional import Levels
from augment.index import FACE, Index
from augment.recipe import Recipe
from augment.stream import InProcess, Threaded, Waiting, share

SEED = 11
RECIPE = Recipe(side=12, batch_size=16)
KINDS = pytest.mark.parametrize("kind", [InProcess, Threaded])


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Index:
    return draw_pictures(tmp_path_factory.mktemp("pictures"))


def test_a_thread_changes_no_byte(table):
    plain, ahead = InProcess(table, RECIPE, SEED), Threaded(table, RECIPE, SEED)
    assert plain.steps_per_epoch == ahead.steps_per_epoch == 3
    for number, start in ((0, 0), (1, 0), (0, 2), (4, 1), (2, 3)):
        wanted = content(plain.epoch(number, start))
        assert len(wanted) == 3 - start
        assert content(ahead.epoch(number, start)) == wanted


@KINDS
def test_an_epoch_may_be_left(table, kind):
    with kind(table, RECIPE, SEED) as stream:
        wanted = content(stream.epoch(1))
        before = threading.active_count()
        for _ in stream.epoch(0):
            break
        assert threading.active_count() == before
        assert content(stream.epoch(1)) == wanted


@KINDS
def test_photographs_are_read_once_over_all_epochs(table, kind):
    cache = PhotoCache()
    stream = kind(table, RECIPE, SEED, cache=cache)
    for number in range(4):
        content(stream.epoch(number))
    assert cache.misses <= 30
    assert stream.gauges()["cache/hits"] == cache.hits / (cache.hits + cache.misses)
    assert stream.gauges()["cache/hits"] == 0  # nothing since
    content(stream.epoch(4))
    assert stream.gauges()["cache/hits"] == pytest.approx(1, abs=0.1)


@KINDS
def test_a_small_cache_is_bounded(table, kind):
    one = Levels(np.zeros((90, 120, 3), np.uint8)).nbytes
    cache = PhotoCache(3 * one)
    content(kind(table, RECIPE, SEED, cache=cache).epoch(0))
    assert cache.nbytes == 3 * one
    plain = content(kind(table, RECIPE, SEED).epoch(0))
    assert content(kind(table, RECIPE, SEED, cache=PhotoCache(1)).epoch(0)) == plain


@KINDS
def test_damage_is_told_once_over_all_epochs(tmp_path, kind):
    table = draw_pictures(tmp_path)
    damage(table, (3, 22))
    told: list[str] = []
    stream = kind(table, RECIPE, SEED, report=told.append)
    for number in range(4):
        content(stream.epoch(number))
    assert len(told) == 2
    with pytest.warns(UserWarning, match=r"\.jpg: the picture cannot be read"):
        content(kind(table, RECIPE, SEED).epoch(0))


@KINDS
def test_errors_come_where_the_stream_is_read(table, kind):
    faces = table.select(table.labels == FACE)
    stream = kind(faces, RECIPE, SEED)
    with pytest.raises(DataError, match="the index has no background"):
        next(stream.epoch(0))
    with pytest.raises(DataError, match="the index has no face"):
        kind(table.select(table.labels != FACE), RECIPE, SEED)


def test_waiting_is_a_share_of_the_time():
    def slow():
        for number in range(3):
            time.sleep(0.1)
            yield number

    clock = Waiting()
    assert list(clock.watch(slow())) == [0, 1, 2]
    assert clock.share() > 0.9
    for _ in clock.watch(iter(range(3))):
        time.sleep(0.05)
    assert clock.share() < 0.5
    assert share(1, 4) == 0.25
    assert share(0, 0) == 0


def test_watching_closes_what_it_watches():
    ended = []

    def items():
        try:
            yield 1
            yield 2
        finally:
            ended.append(True)

    watched = Waiting().watch(items())
    assert next(watched) == 1
    watched.close()
    assert ended == [True]


def test_one_epoch_at_a_time_is_read_on_a_thread(table):
    with Threaded(table, RECIPE, SEED) as stream:
        old = stream.epoch(0)
        next(old)
        whole = content(stream.epoch(1))
        assert len(whole) == stream.steps_per_epoch
        with pytest.raises(ServerError, match="another epoch was begun before this one was read"):
            list(old)
