"""When the writer waits for the disk, and what it keeps in memory."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from monitor import writer
from monitor.layout import NO_RESUME, TABLES, TAG_KINDS
from monitor.runlog import open_run
from monitor.segment_writer import SegmentWriter
from monitor.writer import Writer


@pytest.fixture
def open_writer(tmp_path: Path) -> Writer:
    """A writer in this process that knows the tags "loss" (1) and "last.h5" (2)."""
    opened = Writer(
        folder=str(tmp_path), number=0, config="{}", start_step=NO_RESUME, segment_bytes=2**30
    )
    tags = [(TAG_KINDS["scalar"], b"loss"), (TAG_KINDS["checkpoint"], b"last.h5")]
    _take(opened, "tags", tags)
    opened.commit()
    return opened


def _take(opened: Writer, table: str, rows: list[tuple[object, ...]]) -> None:
    payload = np.array(rows, TABLES[table][0]).tobytes()
    opened.take({"kind": "rows", "table": table}, payload)


def test_the_disk_is_waited_for_once_per_epoch_and_at_checkpoints(
    open_writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    sync = SegmentWriter.sync
    monkeypatch.setattr(SegmentWriter, "sync", lambda self: (waits.append(1), sync(self))[1])
    counts = []
    for tag, epoch in [(1, 0.1), (1, 0.9), (1, math.nan), (1, 1.0), (1, 1.5), (2, math.nan)]:
        _take(open_writer, "events", [(tag, 0, epoch, 1.0, 0.0)])
        open_writer.commit()
        counts.append(len(waits))
    assert counts == [1, 1, 1, 2, 2, 3]
    open_writer.close()


def test_a_flood_is_written_before_it_fills_the_memory(
    open_writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_BUFFERED_BYTES", 10_000)
    for step in range(1000):
        _take(open_writer, "events", [(1, step, math.nan, 1.0, 0.0)])
    # HDF5 does not let one process read what it writes with other settings.
    code = f"from monitor.runlog import open_run; r = open_run({str(tmp_path)!r}).scalars('loss')"
    seen = subprocess.run(
        [sys.executable, "-c", f"{code}; print(len(r.step))"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(seen.stdout) > 700
    open_writer.close()
    assert len(open_run(tmp_path).scalars("loss").step) == 1000
