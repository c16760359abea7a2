"""`lasagnette bench monitor` in little, beside a TensorBoard that only pretends to load."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scripts.bench_monitor_logging
import scripts.bench_monitor_tensorboard
from augment.samples import Batch
from lasagnette.layers import Layer
from monitor.runlog import open_run
from nets.scaling import Scaling
from scripts.bench_monitor import PARTS
from scripts.bench_monitor_runs import TAGS, large_run, many_runs

Run = Callable[..., Any]

# A Python that answers in place of `python -m tensorboard.main`; curves appear at the third asking.
FAKE = """#!{python}
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
if sys.argv[1] == "-c":
    print("2.99")
    sys.exit()
words = dict(zip(sys.argv[3::2], sys.argv[4::2]))
asked = []
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        full = words["--logdir"].endswith("full") and len(asked) > 2
        tags = {tags!r}
        found = {{"run": dict.fromkeys(tags, {{}})}} if full else {{}}
        body = json.dumps(found if "/tags" in self.path else [[1.0, {last}, 0.5]]).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
HTTPServer(("127.0.0.1", int(words["--port"])), Answer).serve_forever()
"""


@pytest.fixture(autouse=True)
def no_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LASAGNETTE_TENSORBOARD_PYTHON", raising=False)
    monkeypatch.setattr(scripts.bench_monitor_tensorboard, "find_spec", lambda name: None)


def measured(lasagnette: Run, *words: object) -> dict[str, Any]:
    outcome = lasagnette("bench", "monitor", *words, "--rounds", 1, "--json", "-")
    assert outcome.code == 0, outcome.stderr
    found: dict[str, Any] = json.loads(outcome.stdout)
    assert found["machine"]["cores"] >= 1
    (part,) = found["parts"].values()
    return dict(part)


def test_a_large_run(tmp_path: Path) -> None:
    large_run(tmp_path / "run", 2000, 7)
    run = open_run(tmp_path / "run")
    assert sum(len(run.scalars(tag).step) for tag in run.tags) == 2000
    assert len(run.pictures("detections/one")) == 7
    assert run.status == "finished"


def test_many_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    many_runs(tmp_path / "runs", 11)
    found = sorted((tmp_path / "runs").iterdir())
    statuses = [open_run(folder).status for folder in found]
    assert statuses == ["finished"] * 9 + ["crashed", "finished"]
    assert not caplog.records
    assert not (tmp_path / "patterns").exists()


def test_the_page_beside_tensorboard(lasagnette: Run, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(FAKE.format(python=sys.executable, tags=TAGS, last=199))
    python.chmod(0o755)
    part = measured(
        lasagnette,
        *("--part", "page", "--points", 2000, "--pictures", 3, "--tensorboard-python", python),
    )
    (visit,) = part["visits"]
    assert 0 < visit["first"] < 60_000
    assert len(visit["zooms"]) == 10
    assert len(part["tensorboard"]["seconds"]) == 4
    assert "TensorBoard 2.99" in part["tensorboard"]["notes"][0]
    what = [verdict["what"] for verdict in part["verdicts"]]
    assert what[-1].endswith("its Python reader / our first data")


def test_a_tensorboard_that_ends_is_a_sentence(lasagnette: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no port >&2\nexit 3\n")
    broken.chmod(0o755)
    words = ("--part", "page", "--points", 1000, "--pictures", 1, "--rounds", 1)
    outcome = lasagnette("bench", "monitor", *words, "--tensorboard-python", broken)
    assert outcome.code == 1
    assert "TensorBoard ended: no port" in outcome.stderr


def test_without_tensorboard_and_the_list(lasagnette: Run) -> None:
    words = ("--part", "page", "--points", 1000, "--pictures", 2, "--part", "list", "--runs", 3)
    outcome = lasagnette("bench", "monitor", *words, "--rounds", 1)
    assert outcome.code == 0
    assert "This Python has no TensorBoard to compare with" in outcome.stdout
    assert "The list of 3 runs: milliseconds" in outcome.stdout
    assert "first list of a new server, median:" in outcome.stdout
    assert "load average" in outcome.stdout


def test_polling(lasagnette: Run) -> None:
    part = measured(lasagnette, "--part", "polling", "--browsers", 2, "--seconds", 3)
    trains, finished = part["answers"].values()
    assert trains["200"] >= 1
    assert finished.keys() == {"304"}
    assert all(share > 0 for share in part["shares"].values())


def test_logging(lasagnette: Run) -> None:
    part = measured(lasagnette, "--part", "logging")
    assert len(part["processor"]) == 10
    assert 0 < min(part["processor"]) < 100


class Still:
    """A trainer that learns nothing: compiling a real one takes half a minute."""

    def __init__(self, layer: Layer, scaling: Scaling) -> None:
        self.layer = layer

    def step(self, batch: Batch, rate: float) -> dict[str, float]:
        assert batch.images.shape == (512, 3, 12, 12)
        return {"loss": float(np.sort(batch.images.ravel())[0])}


def test_training(lasagnette: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts.bench_monitor_logging, "Trainer", Still)
    part = measured(lasagnette, "--part", "training", "--steps", 20)
    (logged,), (plain,) = part["logged"], part["plain"]
    assert plain["calls"] == plain["thread"] == plain["writer"] == 0 < plain["training"]
    assert 0 < logged["calls"] < logged["wall"]
    assert logged["start"] > logged["look"] > 0
    assert logged["thread"] > 0
    assert logged["writer"] > 0


def test_kills(lasagnette: Run) -> None:
    part = measured(lasagnette, "--part", "kills", "--kills", 2)
    assert len(part["killed"]) == 2
    for one in part["killed"]:
        assert one["opens"]
        assert one["lost"] == 0
        assert one["status"] == "crashed"
        assert one["flushed"] > 0


def test_damage(lasagnette: Run) -> None:
    part = measured(lasagnette, "--part", "damage", "--flips", 2)
    for kind in ("left by a killed writer", "finished"):
        assert len(part[kind]) == 1
        assert all(one["rest"] and not one["mistakes"] for one in part[kind])


@pytest.mark.slow
def test_a_hundred_kills_and_three_hundred_flipped_bits(lasagnette: Run) -> None:
    for part in ("kills", "damage"):
        found = measured(lasagnette, "--part", part)
        assert all(verdict["reached"] for verdict in found["verdicts"]), found["verdicts"]


def test_every_part_is_named() -> None:
    assert PARTS == ("page", "list", "polling", "logging", "training", "kills", "damage")
