"""A disk that is really full: a small file system in memory, mounted for the test alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import monitor

ROOT = Path(monitor.__file__).parents[1]
MOUNTED = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
MOUNT = 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"'

TRAINING = """
import json, sys
import numpy as np
from monitor.runlog import RunLog, RunLogError, list_runs, open_run

folder = sys.argv[1] + "/run"
crop = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
flushed = 0
with RunLog(folder) as log:
    for step in range(400):
        log.scalar("loss", step, step)
        log.picture("crop", crop, step)
        if step % 10 == 9 and log.flush():
            flushed = step + 1
run = open_run(folder)
try:
    with RunLog(sys.argv[1] + "/second"):
        begun = "yes"
except RunLogError as error:
    begun = str(error)
print(json.dumps({
    "flushed": flushed,
    "status": run.status,
    "steps": run.scalars("loss").step.tolist(),
    "pictures": [len(run.media(one.media).encoded) for one in run.pictures("crop")][:flushed],
    "runs": [one.name for one in list_runs(sys.argv[1]) if one.tags],
    "second": begun,
}))
"""


def test_training_goes_on_and_the_log_stays_readable(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        tried = subprocess.run(
            [*MOUNTED, MOUNT, str(disk), "true"], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("no unshare here to mount a small file system with")
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.decode().strip()}")
    script = tmp_path / "training.py"
    script.write_text(TRAINING, encoding="utf-8")
    done = subprocess.run(
        [*MOUNTED, MOUNT, str(disk), sys.executable, str(script), str(disk)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (warning,) = done.stderr.splitlines()
    assert "is no longer written (No space left on device)" in warning
    found = json.loads(done.stdout)
    flushed = found["flushed"]
    assert 0 < flushed < 400
    assert found["status"] == "crashed"
    assert found["steps"][:flushed] == list(range(flushed))
    assert found["steps"] == list(range(len(found["steps"])))
    assert len(found["pictures"]) == flushed
    assert all(size > 10_000 for size in found["pictures"])
    assert found["runs"] == ["run"]
    assert "cannot" in found["second"]
