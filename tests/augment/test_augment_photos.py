"""Photographs behind rows: in runs that memory can hold, damaged ones replaced."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from augment_scenes import draw_scene

from augment import photos as module
from augment.cache import PhotoCache
from augment.index import FACE, make
from augment.photos import Photos
from augment.recipe import Recipe
from augment.stream import InProcess


@pytest.fixture
def table(tmp_path):
    names = [f"{number}.png" for number in range(6)]
    for number, name in enumerate(names):
        draw_scene(number, 60, 50, [(15, 10, 0, 30, 25)]).save(tmp_path / name)
    return make(tmp_path, names, [[15, 10, 30, 30]] * 6, FACE, "drawn", names)


def test_runs_are_bounded_and_change_nothing(table, monkeypatch):
    recipe = Recipe(12, 4, backgrounds_per_face=0)

    def stream():
        batches = InProcess(table, recipe, 1, report=pytest.fail).epoch(0)
        return [batch.images.tobytes() for batch in batches]

    whole = stream()
    rows = np.array([3, 1, 4, 1, 5])
    photos = Photos(table, PhotoCache(), pytest.fail)
    ((places, found, shown),) = photos.runs(rows)
    assert (places.tolist(), found.tolist()) == ([0, 1, 2, 3, 4], rows.tolist())
    monkeypatch.setattr(module, "_RUN_BYTES", 2 * shown[0].nbytes)
    runs = list(photos.runs(rows))
    assert [places.tolist() for places, _, _ in runs] == [[0, 1], [2, 3], [4]]
    assert np.concatenate([found for _, found, _ in runs]).tolist() == rows.tolist()
    assert stream() == whole


def test_what_never_appears_replaces_nothing(table):
    (table.root / "1.png").write_bytes(b"no picture")
    weights = np.array([1, 1, 0, 1, 1, 1], np.float32)
    told: list[str] = []
    photos = Photos(replace(table, weights=weights), PhotoCache(), told.append)
    ((places, found, _),) = photos.runs(np.array([0, 1]))
    assert (places.tolist(), found.tolist()) == ([0, 1], [0, 3])
    ((places, found, _),) = photos.runs(np.array([1, 5]), replace=False)
    assert (places.tolist(), found.tolist()) == ([1], [5])
    assert len(told) == 1
