"""Bad input gets one sentence, and the log goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.runlog import Boxes, RunLog, RunLogError, open_run

IMAGE = np.zeros((4, 4, 3), np.uint8)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunLog]:
    folder = tmp_path_factory.mktemp("runs") / "run"
    with RunLog(folder) as log:
        log.scalar("known", 1.0, 0)
        yield log
    assert open_run(folder).status == "finished"
    assert open_run(folder).scalars("known").step.tolist() == [0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda log: log.scalar("x" * 129, 1.0, 0), "1 to 128 bytes .* not 'xxx.*shorten it"),
        (lambda log: log.scalar("я" * 65, 1.0, 0), "1 to 128 bytes"),
        (lambda log: log.scalar("", 1.0, 0), "1 to 128 bytes .* not ''"),
        (lambda log: log.scalar("a\nb", 1.0, 0), r"printable text, not 'a\\nb'"),
        (lambda log: log.scalar("\ud800", 1.0, 0), "printable text"),
        (lambda log: log.scalar(["a"], 1.0, 0), r"not \['a'\]"),
        (lambda log: log.scalar(3, 1.0, 0), "printable text, not 3"),
        (lambda log: log.scalar("known", "high", 0), "takes a number for 'known', not 'high'"),
        (lambda log: log.scalar("known", None, 0), "takes a number for 'known', not None"),
        (lambda log: log.scalar("known", np.ones(3), 0), "takes a number for 'known'"),
        (lambda log: log.scalar("known", 1.0, 0, "x"), r"\(epoch 'x'\)"),
        (lambda log: log.scalar("known", 1.0, 0.5), "counts step in whole numbers .* not 0.5"),
        (lambda log: log.scalar("known", 1.0, -1), "counts step in whole numbers .* not -1"),
        (lambda log: log.scalar("known", 1.0, 2**63), "counts step in whole numbers"),
        (lambda log: log.picture("p", IMAGE.astype(float), 0), r"uint8 pixels .* not float64"),
        (lambda log: log.picture("p", IMAGE[:0], 0), r"uint8 pixels .* not uint8 \(0, 4, 3\)"),
        (lambda log: log.picture("p", np.zeros((4, 4, 4), np.uint8), 0), "uint8 pixels"),
        (lambda log: log.picture("p", np.zeros((1, 70_000), np.uint8), 0), "sides up to 65535"),
        (lambda log: log.picture("p", b"GIF89a", 0), "bytes of a PNG or JPEG file, not b'GIF89a'"),
        (lambda log: log.picture("p", IMAGE, -1), "counts step"),
        (lambda log: log.picture("p", IMAGE, 0, {(1, 2): 3}), "keeps its metadata as JSON"),
        (lambda log: log.picture("p", IMAGE, 0, boxes=[[1, 2, 3, 4]]), "takes boxes as Boxes"),
        (
            lambda log: log.picture("p", IMAGE, 0, boxes=Boxes(np.ones((2, 3)))),
            r"frames of shape \(n, 4\), not \(2, 3\)",
        ),
        (
            lambda log: log.picture("p", IMAGE, 0, boxes=Boxes(np.ones((2, 4)), np.ones(3))),
            r"one score for all 2 boxes or one for each, not an array of shape \(3,\)",
        ),
        (
            lambda log: log.picture("p", IMAGE, 0, boxes=Boxes(np.ones((1, 4)), role="red")),
            "knows the roles fired, kept_in_size, kept_at_last, truth, not 'red'",
        ),
        (lambda log: log.histogram("h", ["a"], 0), "takes real numbers, not an array of dtype"),
        (lambda log: log.histogram("h", [1j], 0), "takes real numbers"),
        (lambda log: log.funnel(0, "detect-1", 1.5, 1, 1), "counts windows_in .* not 1.5"),
        (lambda log: log.funnel(0, "", 1, 1, 1), "1 to 128 bytes"),
        (lambda log: log.text(b"bytes", 0), "RunLog.text takes a text, not b'bytes'"),
        (lambda log: log.checkpoint("last", 3), "counts step .* not 'last'"),
    ],
)
def test_refused(log: RunLog, call: Callable[[Any], None], message: str) -> None:
    with pytest.raises(RunLogError, match=message):
        call(log)


def test_a_closed_log_and_a_newer_format_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunLog(tmp_path / "run") as log:
        log.scalar("loss", 1.0, 0)
    log.close()
    assert log.flush()
    for call in (
        lambda: log.scalar("loss", 1.0, 1),
        lambda: log.text("late", 1),
        lambda: log.checkpoint(1, "late.h5"),
    ):
        with pytest.raises(RunLogError, match="is closed; log before closing it"):
            call()
    monkeypatch.setattr("monitor.tables.FORMAT", 0)
    run = open_run(tmp_path / "run")
    assert run.tags == []
    assert run.problems == [
        "seg-000.h5 was not read to its end: its format 1 is newer than 0; update the monitor."
    ]


def test_config_that_json_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(RunLogError, match="keeps its config as JSON"):
        RunLog(tmp_path / "run", {("a", "b"): 1})  # type: ignore[dict-item]
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunLogError, match=r"cannot begin the run '.*file/run': .*file"):
        RunLog(tmp_path / "file" / "run")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder closed even to root")
def test_a_folder_that_cannot_be_written() -> None:
    with pytest.raises(RunLogError, match=r"cannot write the run '/proc/self': .*choose another"):
        RunLog("/proc/self")


def test_a_refused_call_does_not_shift_the_tags_that_follow(tmp_path):
    with RunLog(tmp_path / "run") as log:
        with pytest.raises(RunLogError):
            log.scalar("first", None, 0)
        log.flush()
        log.scalar("first", 1.0, 1)
        log.scalar("second", 2.0, 1)
    run = open_run(tmp_path / "run")
    assert run.scalars("first").value.tolist() == [1.0]
    assert run.scalars("second").value.tolist() == [2.0]
