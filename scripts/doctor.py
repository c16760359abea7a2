"""`lasagnette doctor`: what this installation has, and what to do about what it lacks."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from scripts.computing import without_compiler
from scripts.data import DATA_OPTION, find_data

__all__ = ["Finding", "doctor", "examine"]

INSTALL_AGAIN = "install again from a complete checkout."


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    topic
        What was looked at, in one word.
    found
        What is there.
    advice
        What to do about what is missing; empty where nothing is.
    needed
        Whether `lasagnette detect` fails without it.
    """

    topic: str
    found: str
    advice: str = ""
    needed: bool = False


@click.command()
@DATA_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@click.pass_context
def doctor(ctx: click.Context, data: str | None, as_json: bool) -> None:
    """Report what this installation has, what it lacks, and what to do about it.

    Looks at the kernels of layers and crops, threads, caches, backends, compilers, OpenCV,
    the cascade file, the smile file, and research data. Ends with exit code 1 when something is
    missing that `lasagnette detect` needs.
    """
    without_compiler()
    findings = examine(data)
    if as_json:
        click.echo(json.dumps({finding.topic: asdict(finding) for finding in findings}, indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.topic:<10} {finding.found}")
            if finding.advice:
                click.echo(f"{'':<10} -> {finding.advice}")
    if any(finding.needed and finding.advice for finding in findings):
        ctx.exit(1)


def examine(data: str | None = None) -> list[Finding]:
    """Return the findings in the order of the report; what fails to load is a finding too.

    Parameters
    ----------
    data
        Folder of the research data, as given to `--data`.
    """
    checks: dict[str, tuple[Callable[[], Finding], bool]] = {
        "python": (_python, True),
        "kernels": (_kernels, True),
        "crops": (_crops, True),
        "threads": (_threads, True),
        "caches": (_caches, True),
        "backends": (_backends, False),
        "compilers": (_compilers, False),
        "opencv": (_opencv, True),
        "weights": (_weights, True),
        "smileys": (_smileys, False),
        "data": (lambda: _data(data), False),
    }
    return [_guarded(topic, check, needed) for topic, (check, needed) in checks.items()]


def _guarded(topic: str, check: Callable[[], Finding], needed: bool) -> Finding:
    try:
        return check()
    except ValueError as error:
        return Finding(topic, f"fails: {error}", "see the sentence above", needed)
    except (ImportError, OSError) as error:
        advice = "install again: make clean install"
        return Finding(topic, f"fails: {error}", advice, needed)


def _python() -> Finding:
    from importlib.metadata import version

    return Finding(
        "python",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"lasagnette {version('lasagnette')}, PyTensor {version('pytensor')}",
    )


def _kernels() -> Finding:
    from lasagnette.ops import kernels

    facts = kernels.describe()
    found = f"{facts['name']} (available: {', '.join(facts['available'])})"
    if facts["name"] != "numpy":
        return Finding("kernels", found)
    return Finding(
        "kernels",
        f"{found}; {facts['reason']}" if facts["reason"] else found,
        "everything works, slower; for the compiled kernels install g++, then: make clean install",
    )


def _crops() -> Finding:
    from augment import kernels

    facts = kernels.describe()
    if facts["name"] != "numpy":
        return Finding("crops", facts["name"])
    return Finding(
        "crops",
        f"{facts['name']}; {facts['reason']}",
        "the same crops, slower; for the compiled kernel install g++, then: make clean install",
    )


def _threads() -> Finding:
    import numpy  # noqa: F401  (loads the BLAS that is reported)
    from threadpoolctl import threadpool_info

    from lasagnette.ops import kernels

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pools = {pool["internal_api"] for pool in threadpool_info()}
    return Finding(
        "threads",
        f"{kernels.get_threads()} for the kernels, {cores} cores, "
        f"OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}, "
        f"other pools: {', '.join(sorted(pools)) or 'none'} (limited to 1 while computing)",
    )


def _caches() -> Finding:
    import pytensor

    folder = Path(pytensor.config.base_compiledir)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Finding("caches", f"compiled functions in {folder}, {size / 1e6:.0f} MB")


def _backends() -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    found = [f"numba {version('numba')}"]
    try:
        found.append(f"jax {version('jax')}")
    except PackageNotFoundError:
        found.append("no jax")
    return Finding("backends", ", ".join(found))


def _compilers() -> Finding:
    paths = [path for name in ("g++", "clang++") if (path := shutil.which(name))]
    return Finding(
        "compilers",
        f"{', '.join(paths) or 'none'} (used by the installation and by --backend c)",
    )


def _opencv() -> Finding:
    try:
        import cv2
    except ImportError as error:
        return Finding(
            "opencv",
            f"fails: {error}",
            "install the headless build: pip uninstall opencv-python && "
            "pip install opencv-python-headless",
            needed=True,
        )
    windows = next(
        line.partition(":")[2].strip()
        for line in cv2.getBuildInformation().splitlines()
        if line.strip().startswith("GUI:")
    )
    if windows == "NONE":
        return Finding(
            "opencv",
            f"{cv2.__version__}, headless",
            "enough for every command that opens no window; for windows install the system's "
            "libGL and glib (Debian: libgl1 libglib2.0-0), then opencv-python.",
        )
    return Finding("opencv", f"{cv2.__version__}, windows by {windows}")


def _weights() -> Finding:
    from cascade import bundle
    from nets.files import WeightsError

    try:
        path = bundle.pretrained()
        cascade = bundle.load(path)
    except WeightsError as error:
        return Finding("weights", str(error), INSTALL_AGAIN, True)
    stages = [
        " + ".join(net.name for net in (stage.detection, stage.calibration) if net is not None)
        for stage in cascade.stages
    ]
    return Finding(
        "weights",
        f"a cascade of {len(stages)} stages in {path}, {path.stat().st_size / 1e6:.1f} MB: "
        f"{', '.join(stages)}",
    )


def _smileys() -> Finding:
    from cascade import smiles
    from nets.files import WeightsError

    try:
        path = smiles.pretrained()
        net = smiles.load(path)
    except WeightsError as error:
        return Finding("smileys", str(error), INSTALL_AGAIN)
    return Finding("smileys", f"{net.name} in {path}, {path.stat().st_size / 1e6:.1f} MB")


def _data(option: str | None) -> Finding:
    folder = find_data(option)
    if folder is None or not folder.is_dir():
        return Finding(
            "data",
            f"{folder} does not exist" if folder else "none",
            "needed for training and evaluation only: name the folder of fddb/, lfw/, "
            "negatives/ and smileys/ with --data or LASAGNETTE_DATA.",
        )
    counts: dict[str, Any] = {
        name: sum(1 for _ in (folder / name).rglob("*.jpg"))
        for name in ("fddb", "lfw", "negatives", "smileys")
    }
    absent = [name for name, count in counts.items() if not count]
    listed = ", ".join(f"{name} {count} photographs" for name, count in counts.items())
    return Finding(
        "data",
        f"{folder}: {listed}",
        f"no photographs in {', '.join(absent)}: detection is trained and evaluated on the first "
        "three, smileys on the last."
        if absent
        else "",
    )
