"""Every command and every Python example of README.md runs.

`RUN` says for each command line how it is run here: None as it stands, a list of words in its place
where the original would change this checkout or take long, a reason where it cannot run at all.
A command that is not listed fails the test.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from cascade.bundle import pretrained
from monitor.runlog import RunLog
from nets.files import WeightsError
from scripts.data import find_data
from scripts.experiments.report import index_table

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

SHORT = "--epochs 1 --epoch-samples 3000"
MAKE = "make --dry-run"  # a clone in a clone would install everything anew; CI runs `make test`
RUN: dict[str, str | None] = {
    "make demo": f"{MAKE} demo",
    "make demo PHOTO=path/to/photo.jpg": f"{MAKE} demo PHOTO=photo.jpg",
    "make test": f"{MAKE} test",
    "lasagnette detect photo.jpg": None,
    'lasagnette detect holiday/ "scans/*.tif" portrait.png': None,
    "lasagnette detect --out drawn holiday/": None,
    "lasagnette detect --min-face 80 --threshold 0.9 photo.jpg": None,
    "lasagnette detect --trace stages photo.jpg": None,
    "lasagnette detect --format csv holiday/": None,
    "lasagnette detect --crop faces --blur hidden holiday/": None,
    "lasagnette detect --every 5 --out drawn clip.mp4": None,
    "lasagnette detect --jobs 2 --output faces.jsonl --resume holiday/": None,
    "lasagnette doctor": None,
    "lasagnette --version": None,
    "lasagnette completion bash": None,
    "lasagnette data where": None,
    "lasagnette data check": "lasagnette data check boxes.csv",
    **{
        f"lasagnette augment preview photo.jpg --frame 40 20 48 48{more}": None
        for more in (
            "",
            " --rotation 15 --brightness 40 --noise 8 --jpeg 40",
            " --calibration",
        )
    },
    "lasagnette train net12 --workers 2": "lasagnette train net12 --workers 2 --epochs 1",
    "dask scheduler": "dask scheduler --version",  # tests/augment runs a cluster
    "lasagnette train net12 --workers-on dask://SCHEDULER:8786": (
        "lasagnette train net12 --workers-on dask://SCHEDULER:8786 --help"
    ),
    "dask worker tcp://SCHEDULER:8786 --nworkers 4 --nthreads 1": "dask worker --version",
    "lasagnette train net12 --resume RUN": "lasagnette train net12 --epochs 1 --run RUN",
    "lasagnette cascade train work": "lasagnette cascade train work --quick",
    "lasagnette train net12 --batch-norm --run one": (
        f"lasagnette train net12 --batch-norm --run one {SHORT}"
    ),
    "lasagnette train net12_cal --batch-norm --run two": (
        f"lasagnette train net12_cal --batch-norm --run two {SHORT}"
    ),
    "lasagnette cascade pack my.h5 runs/one/best.h5:runs/two/best.h5": None,
    "lasagnette cascade threshold my.h5 --recall 0.99": None,
    "lasagnette cascade mine my.h5 mined.h5": (
        "lasagnette cascade mine my.h5 mined.h5 --limit 1000 --min-face 150"
    ),
    "lasagnette train net24 --batch-norm --hard-negatives mined.h5 --run three": (
        f"lasagnette train net24 --batch-norm --hard-negatives mined.h5 --run three {SHORT}"
    ),
    "lasagnette cascade table my.h5": None,
    "lasagnette monitor runs": "lasagnette monitor --help",  # tests/monitor serves runs
    "lasagnette runs": None,
    "lasagnette runs show RUN": "lasagnette runs show kept",
    "lasagnette runs export RUN --csv run.csv --png run.png": (
        "lasagnette runs export kept --csv run.csv --png run.png"
    ),
    "lasagnette reproduce net12-plain": "lasagnette reproduce net12-plain --quick --samples 64",
    "lasagnette reproduce all --report report": "lasagnette reproduce --help",
    "lasagnette reproduce all --quick --report report-quick": "lasagnette reproduce --help",
    "lasagnette reproduce smileys-frames smileys-runs smileys-people": (
        "lasagnette reproduce smileys-frames --help"
    ),
    "lasagnette bench monitor": "lasagnette bench monitor --part logging --rounds 1",
    "lasagnette bench": "lasagnette bench --net net12 --rounds 1 --threads 1",
    "lasagnette bench augment": (
        "lasagnette bench augment --part loader --part scaling --part assembler --part memory"
        " --pictures 4 --rounds 1 --seconds 0.05 --simulated 2 --minutes 0.02"
    ),
    "lasagnette evaluate crops net12": None,
    "lasagnette bench detect": "lasagnette bench detect --help",  # tests/scripts runs parts of it
    (
        "lasagnette evaluate fddb --folds 06,07,08 --view all --view crowded --view small"
        " --stretch 1.0,1.2 --out roc"
    ): "lasagnette evaluate fddb --folds 08 --min-face 80 --view all --stretch 1.0,1.2 --out roc",
    (
        "lasagnette train net_smiles --split people --initial net48 --emotions 0.25"
        " --epoch-samples 2048 --run smileys"
    ): (
        "lasagnette train net_smiles --split people --initial net48 --emotions 0.25"
        " --epoch-samples 64 --epochs 1 --run smileys"
    ),
    "lasagnette smileys evaluate runs/smileys/last.h5": "lasagnette smileys evaluate --help",
    "lasagnette smile photo.jpg": None,
    "lasagnette smile --json holiday/": None,
    "lasagnette smile -q photo.jpg": None,
    "lasagnette smile --out drawn holiday/": None,
    "lasagnette smile --video clip.mp4 --out smileys.mp4 --slow 4": None,
    # the window needs a screen; tests/scripts and tests/monitor/browser use both
    "lasagnette smileys label clip.mp4": "lasagnette smileys label --help",
    "lasagnette smileys label clip.mp4 --web": "lasagnette smileys label --help",
    "lasagnette smileys extract clips/ --out faces": "lasagnette smileys extract --help",
    # of faces that were extracted; tests/scripts/test_scripts_smileys_train.py does all three
    "lasagnette train net_smiles --data faces --initial net48 --run mine": (
        "lasagnette train net_smiles --help"
    ),
    "lasagnette smileys pack runs/mine/last.h5 --data faces --out mine.h5": (
        "lasagnette smileys pack --help"
    ),
    "lasagnette smile --net mine.h5 photo.jpg": "lasagnette smile photo.jpg",
    "lasagnette smielfy faces": "lasagnette smielfy serve --help",  # tests/monitor serves it
    "lasagnette smielfy faces --host 0.0.0.0": "lasagnette smielfy --help",
    "lasagnette smielfy review faces": "lasagnette smielfy review --help",
    "lasagnette smielfy review faces --export more/labels.csv": "lasagnette smielfy review --help",
    "lasagnette evaluate backgrounds": "lasagnette evaluate backgrounds --min-face 80",
}
NEEDS_WEIGHTS = ("detect", "doctor", "evaluate", "smile")
NEEDS_DATA = (
    "train",
    "reproduce",
    "cascade threshold",
    "cascade mine",
    "cascade train",
    "cascade table",
    "evaluate",
)
SLOW = (*NEEDS_DATA, "cascade", "bench")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the photographs that README's commands name."""
    folder = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)
    for name in ("photo.jpg", "portrait.png", "holiday/one.jpg", "scans/two.tif"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)).save(folder / name)
    film = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (120, 90))
    for _ in range(12):
        film.write(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
    film.release()
    with RunLog(folder / "runs" / "kept") as log:
        for step in range(10):
            log.scalar("train/loss", 1 / (1 + step), step)
    (folder / "boxes.csv").write_text("file,x,y,width,height\nphoto.jpg,40,20,48,48\n")
    return folder


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    if words[0] == "lasagnette":
        words = [sys.executable, "-c", "from scripts.main import main; main()", *words[1:]]
    if words[0] == "dask":
        words = [sys.executable, "-m", *words]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        words,
        cwd=ROOT if words[0] == "make" else folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


def needs(words: list[str], commands: tuple[str, ...]) -> bool:
    return words[0] == "lasagnette" and any(
        words[1 : 1 + len(command.split())] == command.split() for command in commands
    )


def test_every_command_is_listed_and_every_listed_one_is_shown() -> None:
    assert sorted(set(commands())) == sorted(RUN)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            command,
            marks=[pytest.mark.slow]
            if any(f"lasagnette {name}" in command for name in SLOW)
            else [],
        )
        for command in RUN
    ],
)
def test_command(command: str, place: Path) -> None:
    words = shlex.split(RUN[command] or command)
    if needs(words, ("--version",)) and not installed():
        pytest.skip("lasagnette is not installed here; `make test` installs it")
    if needs(words, NEEDS_WEIGHTS):
        require_weights()
    if needs(words, NEEDS_DATA):
        data = find_data()
        if data is None:
            pytest.skip("no research data: set LASAGNETTE_DATA, or put it in ../shared/data")
        words += ["--data", str(data.resolve())]
    done = run(words, place)
    assert done.returncode == 0, done.stderr


def installed() -> bool:
    try:
        return bool(importlib.metadata.version("lasagnette"))
    except importlib.metadata.PackageNotFoundError:
        return False


def require_weights() -> None:
    try:
        pretrained()
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("example", blocks("python"))
def test_python_example(example: str, place: Path) -> None:
    if "Detector(" in example:
        require_weights()
    done = run([sys.executable, "-c", example], place)
    assert done.returncode == 0, done.stderr


def test_the_line_of_json_shows_the_contract() -> None:
    (line,) = blocks("json")
    found = json.loads(line)
    assert list(found) == ["file", "width", "height", "faces"]
    assert list(found["faces"][0]) == ["x", "y", "width", "height", "score"]


def test_every_command_is_explained() -> None:
    from scripts.main import cli

    assert all(f"lasagnette {name}" in README for name in cli.commands)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).is_file(), target


def test_the_table_of_experiments_is_that_of_the_report() -> None:
    table = README.partition("<!-- reproduction -->\n")[2].partition("<!-- /reproduction -->")[0]
    assert table.strip() == index_table(ROOT / "docs" / "reproduction").strip()
