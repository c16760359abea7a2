"""The cascade file: what is written is read, and what cannot be used is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from cascade_nets import answering, contrast, random_net
from hypothesis import given, settings
from hypothesis import strategies as st

import nets.files
from cascade import bundle
from cascade.bundle import Cascade, Net, Stage, WeightsError
from nets.plan import Plan, face_probability, softmax
from nets.scaling import Scaling

ROOT = Path(__file__).resolve().parents[2]


def make(facts: dict | None = None) -> Cascade:
    first = replace(random_net("net12", 1), scaling=Scaling(100.0, 0.01))
    stages = (
        Stage(first, 0.25, random_net("net12_cal", 2), 0.6),
        Stage(random_net("net24_multi", 3), 0.75),
    )
    return Cascade(stages, stride=2, factor=1.3, overlap=0.35, facts=facts or {"note": "é"})


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return make()


@pytest.fixture
def path(tmp_path: Path, cascade: Cascade) -> Path:
    bundle.save(tmp_path / "cascade.h5", cascade)
    return tmp_path / "cascade.h5"


def nets_of(cascade: Cascade) -> list[Net]:
    return [net for stage in cascade.stages for net in (stage.detection, stage.calibration) if net]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_round_trip(tmp_path: Path, cascade: Cascade, dtype: str) -> None:
    bundle.save(tmp_path / "a.h5", cascade, dtype=dtype)
    loaded = bundle.load(tmp_path / "a.h5")
    for name in ("stride", "factor", "overlap", "facts", "thresholds"):
        assert getattr(loaded, name) == getattr(cascade, name)
    assert [stage.overlap for stage in loaded.stages] == [0.6, 0.5]
    assert loaded.stages[0].calibration is not None
    assert loaded.stages[1].calibration is None
    rng = np.random.default_rng(0)
    for ours, theirs in zip(nets_of(loaded), nets_of(cascade), strict=True):
        assert (ours.name, ours.side, ours.scaling) == (theirs.name, theirs.side, theirs.scaling)
        assert ours.facts == theirs.facts
        assert ours.plan.steps == theirs.plan.steps
        assert set(ours.plan.arrays) == set(theirs.plan.arrays)
        for name, values in theirs.plan.arrays.items():
            assert ours.plan.arrays[name].dtype == np.float32
            np.testing.assert_array_equal(ours.plan.arrays[name], values.astype(dtype))
        crops = rng.integers(0, 256, (5, 3, ours.side, ours.side), dtype=np.uint8)
        away = {"float16": 0.02, "float32": 0}[dtype] * np.abs(theirs.logits(crops)).max()
        np.testing.assert_allclose(ours.logits(crops), theirs.logits(crops), rtol=0, atol=away)


def test_parameters_are_stored_in_half_precision_unless_asked(tmp_path: Path, path: Path) -> None:
    with h5py.File(path) as file:
        assert file["stage1/detection/dense1.W"].dtype == np.float16
        assert sorted(file) == ["calibration_classes", "stage1", "stage2"]
    bundle.save(tmp_path / "large.h5", bundle.load(path), dtype="float32")
    assert (tmp_path / "large.h5").stat().st_size > 1.8 * path.stat().st_size


def test_what_a_net_says(cascade: Cascade) -> None:
    net = cascade.stages[0].detection
    crops = np.random.default_rng(1).integers(0, 256, (4, 3, 12, 12), dtype=np.uint8)
    logits = net.plan((crops.astype("f") - 100) * np.float32(0.01))
    np.testing.assert_array_equal(net.logits(crops), logits)
    np.testing.assert_array_equal(net.faces(crops), face_probability(logits))
    np.testing.assert_array_equal(net.probabilities(crops), softmax(logits))


def test_the_packaged_cascade_is_the_default() -> None:
    loaded = bundle.load()
    assert loaded.stages[0].detection.name == "net12"
    assert bundle.pretrained().stat().st_size < 12_000_000


def test_without_a_packaged_cascade_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle.resources, "files", lambda package: tmp_path)
    with pytest.raises(WeightsError, match="make one: lasagnette cascade train"):
        bundle.load()


def test_other_thresholds(cascade: Cascade) -> None:
    other = cascade.with_thresholds([1, 0])
    assert other.thresholds == [1.0, 0.0]
    assert cascade.thresholds == [0.25, 0.75]
    assert nets_of(other) == nets_of(cascade)
    with pytest.raises(ValueError, match=r"cascade of 2 stages has as many thresholds; got \[1\]"):
        cascade.with_thresholds([1])


def test_stages_whose_nets_do_not_go_together_are_refused(cascade: Cascade) -> None:
    small, calibration = nets_of(cascade)[:2]
    middle = nets_of(cascade)[2]
    with pytest.raises(ValueError, match=r"calibration net has 45.*net24_multi sees, 24 pixels"):
        Stage(middle, 0.5, calibration)
    with pytest.raises(ValueError, match=r"calibration net has 45 classes .*got net12 with 2"):
        Stage(small, 0.5, small)
    with pytest.raises(ValueError, match=r"detection net has 2 .*got net12_cal with 45"):
        Stage(calibration, 0.5)
    with pytest.raises(ValueError, match="at least one stage; got none"):
        Cascade(())


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.h5: there is no such cascade file"):
        bundle.load(tmp_path / "none.h5")


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", None])
def test_damaged_files_are_told(path: Path, content: bytes | None) -> None:
    path.write_bytes(path.read_bytes()[:4000] if content is None else content)
    with pytest.raises(WeightsError, match="not a cascade file, or a damaged one"):
        bundle.load(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not a cascade file"):
        bundle.load(tmp_path)


def test_one_flipped_byte_in_the_weights_is_told(path: Path) -> None:
    with h5py.File(path) as file:
        at = file["stage1/calibration/dense1.W"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(WeightsError, match="damaged"):
        bundle.load(path)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 6000), st.booleans(), st.integers(1, 255)), min_size=1))
def test_flipped_bytes_anywhere_give_a_cascade_or_a_sentence(
    small_file: tuple[Path, bytes], flips: list[tuple[int, bool, int]]
) -> None:
    """Near the file's begin and its end, where HDF5 keeps names and places."""
    path, content = small_file
    changed = bytearray(content)
    for place, from_end, mask in flips:
        changed[-1 - place if from_end else place] ^= mask
    path.write_bytes(bytes(changed))
    with suppress(WeightsError):  # any other error is let through
        bundle.load(path)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("small") / "cascade.h5"
    bundle.save(path, Cascade((Stage(random_net("net12", 1), 0.5),)))
    return path, path.read_bytes()


def new_format(file: h5py.File) -> None:
    file.attrs["format"] = 99


def foreign_classes(file: h5py.File) -> None:
    file["calibration_classes"][0, 1] = 0.5


def fewer_classes(file: h5py.File) -> None:
    del file["calibration_classes"]
    file["calibration_classes"] = np.zeros((44, 3))


def no_stage(file: h5py.File) -> None:
    del file["stage1"], file["stage2"]


def no_detection(file: h5py.File) -> None:
    del file["stage1/detection"]


def no_threshold(file: h5py.File) -> None:
    del file["stage2"].attrs["threshold"]


def no_array(file: h5py.File) -> None:
    del file["stage2/detection/conv3.b"]


def another_shape(file: h5py.File) -> None:
    del file["stage2/detection/conv3.b"]
    file["stage2/detection/conv3.b"] = np.zeros(5)


def unknown_step(file: h5py.File) -> None:
    steps = [{"operation": "lstm", "inputs": ["input"], "name": "a"}]
    file["stage1/detection"].attrs["plan"] = json.dumps(steps)


def newer_step(file: h5py.File) -> None:
    steps = [{"operation": "conv", "inputs": ["input"], "name": "a", "stride": 2}]
    file["stage1/detection"].attrs["plan"] = json.dumps(steps)


def another_side(file: h5py.File) -> None:
    file["stage1/calibration"].attrs["side"] = 13  # pooled to the same six cells


def settings_cut(file: h5py.File) -> None:
    file.attrs["settings"] = file.attrs["settings"][:-3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (new_format, "a cascade file of format 99, this version reads up to 1; install a newer"),
        (foreign_classes, "its calibration classes are not the 45 of augment.calibration"),
        (fewer_classes, "its calibration classes are not the 45"),
        (no_stage, r"damaged one \(a cascade has at least one stage"),
        (no_detection, r"damaged one \(.*detection"),
        (no_threshold, r"damaged one \(.*threshold"),
        (no_array, r"damaged one \(net24_multi: step 'conv3' of a plan lacks the array 'conv3.b'"),
        (another_shape, r"net24_multi: the arrays of step 'conv3' have the shapes"),
        (unknown_step, r"net12: a plan's steps are .*got Step\(operation='lstm'"),
        (newer_step, "unexpected keyword argument 'stride'"),
        (another_side, "got net12_cal with 45 classes and 13 pixels"),
        (settings_cut, "not a cascade file, or a damaged one"),
    ],
)
def test_what_cannot_be_used_is_told(path: Path, change, message: str) -> None:
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(WeightsError, match=message):
        bundle.load(path)


def test_weights_of_one_net_are_no_cascade(tmp_path: Path) -> None:
    nets.files.write_h5(tmp_path / "net.h5", {"format": 1, "net": "net12"}, {"parameters/a": 1.0})
    with pytest.raises(WeightsError, match="not a cascade file"):
        bundle.load(tmp_path / "net.h5")


@pytest.mark.parametrize("value", [1e5, np.nan])
def test_numbers_that_the_type_cannot_hold_are_refused(path: Path, value: float) -> None:
    before = path.read_bytes()
    net = random_net("net12", 1)
    arrays = {**net.plan.arrays, "output.b": np.array([0, value], "f")}
    large = Cascade((Stage(replace(net, plan=Plan(12, net.plan.steps, arrays)), 0.5),))
    with pytest.raises(WeightsError, match=r"output\.b of net12 has numbers that float16 cannot"):
        bundle.save(path, large)
    assert path.read_bytes() == before
    if np.isfinite(value):
        bundle.save(path, large, dtype="float32")
        assert bundle.load(path).stages[0].detection.plan.arrays["output.b"][1] == value


def test_a_failed_write_keeps_the_old_file(
    path: Path, cascade: Cascade, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nets.files.os, "replace", full)
    with pytest.raises(WeightsError, match=r"cascade\.h5: cannot be written.*No space left"):
        bundle.save(path, replace(cascade, overlap=0.9))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["cascade.h5"]


@pytest.mark.parametrize("place", ["os.fsync", "h5py.Group.create_dataset"])
def test_a_process_killed_while_it_saves_leaves_the_old_file(path: Path, place: str) -> None:
    """It is killed when all is written but the name, or when the first array is to be written."""
    before = path.read_bytes()
    program = (
        "import os, signal, sys, h5py\n"
        "from dataclasses import replace\n"
        "from cascade import bundle\n"
        "loaded = bundle.load(sys.argv[1])\n"
        "def killed(*args, **options): os.kill(os.getpid(), signal.SIGKILL)\n"
        f"{place} = killed\n"
        "bundle.save(sys.argv[1], replace(loaded, overlap=0.9))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, str(path)]
    assert subprocess.run(command, env=environment, check=False).returncode == -9
    assert path.read_bytes() == before
    assert len(os.listdir(path.parent)) == 2  # it had begun
    assert bundle.load(path).overlap == 0.35


def test_a_net_of_another_kind_can_stand_in_a_stage() -> None:
    """What runs is what has a side, classes and a call: a stage asks for no more."""
    stage = Stage(answering("net", 6, 2, contrast), 0.5)
    assert stage.detection.faces(np.zeros((2, 3, 6, 6), np.uint8)).shape == (2,)
