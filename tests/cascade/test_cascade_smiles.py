"""The smile file: what is written is read, and what cannot be used is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from smile_nets import noisy_net

from augment.datasets.smileys import SMILEYS
from cascade import bundle, smiles
from cascade.smiles import SmileNet
from cascade.trained import Net
from nets.files import WeightsError
from nets.plan import INPUT, Plan, Step
from nets.scaling import Scaling


@pytest.fixture
def path(tmp_path: Path) -> Path:
    smiles.save(tmp_path / "smile.h5", replace(noisy_net(1), facts={"note": "é"}))
    return tmp_path / "smile.h5"


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_round_trip(tmp_path: Path, dtype: str) -> None:
    net = replace(noisy_net(1), scaling=Scaling(100.0, 0.01), facts={"seed": 1})
    smiles.save(tmp_path / "a.h5", net, square=(1.1, -0.02, 0.05), dtype=dtype)
    loaded = smiles.load(tmp_path / "a.h5")
    assert (loaded.name, loaded.side, loaded.scaling) == ("noisy", 48, Scaling(100.0, 0.01))
    assert (loaded.facts, loaded.square) == ({"seed": 1}, (1.1, -0.02, 0.05))
    assert loaded.plan.steps == net.plan.steps
    for name, values in net.plan.arrays.items():
        np.testing.assert_array_equal(loaded.plan.arrays[name], values.astype(dtype))
    smiles.save(tmp_path / "b.h5", loaded)
    assert smiles.load(tmp_path / "b.h5").square == loaded.square
    smiles.save(tmp_path / "c.h5", Net("any", net.plan, net.scaling))
    assert smiles.load(tmp_path / "c.h5").square == (1, 0, 0)


def test_a_detectors_square_becomes_the_nets() -> None:
    net = replace(noisy_net(0), square=(1.5, 0.1, -0.2))
    found = net.squares([[10, 20, 40, 40], [0, 0, 30, 10]])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[4, 2, 60, 60], [2, -14, 30, 30]], atol=1e-5)
    assert noisy_net(0).squares(np.zeros((0, 4))).shape == (0, 4)


def other_classes(classes: int) -> Net:
    arrays = {"output.W": np.zeros((3 * 48 * 48, classes)), "output.b": np.zeros(classes)}
    return Net("other", Plan(48, [Step("dense", [INPUT], "output")], arrays), Scaling())


@pytest.mark.parametrize("classes", [2, 16, 45])
def test_a_net_of_other_classes_is_refused(tmp_path: Path, classes: int) -> None:
    message = f"a smiley net has 17 classes, one per smiley; got other with {classes}"
    with pytest.raises(ValueError, match=message):
        smiles.save(tmp_path / "a.h5", other_classes(classes))
    assert list(tmp_path.iterdir()) == []
    net = other_classes(classes)
    with pytest.raises(ValueError, match=message):
        SmileNet(net.name, net.plan, net.scaling)


@pytest.mark.parametrize("square", [(0, 0, 0), (1, np.nan, 0), (1, 0), (-1, 0, 0)])
def test_a_square_that_cannot_be_is_refused(tmp_path: Path, square: tuple) -> None:
    with pytest.raises(ValueError, match="square is a scale above 0, dx and dy, all finite"):
        smiles.save(tmp_path / "a.h5", noisy_net(0), square=square)


def newer(file: h5py.File) -> None:
    file.attrs["format"] = 9


def another_order(file: h5py.File) -> None:
    file.attrs["smileys"] = json.dumps(SMILEYS[::-1])


def no_net(file: h5py.File) -> None:
    del file["net"]


def no_array(file: h5py.File) -> None:
    del file["net/conv1.b"]


def fewer_classes(file: h5py.File) -> None:
    for name in ("net/output.W", "net/output.b"):
        values = file[name][()]
        del file[name]
        file[name] = values[..., :5]


def square_lost(file: h5py.File) -> None:
    file.attrs["square"] = [1.0, 0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (newer, "a smile file of format 9, this version reads up to 1; install a newer"),
        (another_order, "its classes are not the 17 smileys"),
        (no_net, r"not a smile file, or a damaged one \(.*net"),
        (no_array, r"damaged one \(noisy: step 'conv1' of a plan lacks the array 'conv1.b'"),
        (fewer_classes, r"damaged one \(a smiley net has 17 classes.*noisy with 5"),
        (square_lost, "not a smile file, or a damaged one"),
    ],
)
def test_what_cannot_be_used_is_told(path: Path, change, message: str) -> None:
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(WeightsError, match=message):
        smiles.load(path)


@pytest.mark.parametrize("content", [b"", b"no HDF5", None])
def test_damaged_files_are_told(path: Path, content: bytes | None) -> None:
    path.write_bytes(path.read_bytes()[:3000] if content is None else content)
    with pytest.raises(WeightsError, match=r"smile\.h5: not a smile file, or a damaged one"):
        smiles.load(path)


def test_one_flipped_byte_in_the_weights_is_told(path: Path) -> None:
    with h5py.File(path) as file:
        at = file["net/output.W"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(WeightsError, match="damaged"):
        smiles.load(path)


def test_missing_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=r"none\.h5: there is no such smile file"):
        smiles.load(tmp_path / "none.h5")
    monkeypatch.setattr(smiles.resources, "files", lambda package: tmp_path)
    with pytest.raises(WeightsError, match="there is no pretrained smiley net; make one"):
        smiles.load()


def test_a_cascade_file_is_no_smile_file() -> None:
    with pytest.raises(WeightsError, match=r"cascade\.h5: not a smile file"):
        smiles.load(bundle.pretrained())


def test_numbers_that_the_type_cannot_hold_are_refused(path: Path) -> None:
    before = path.read_bytes()
    net = noisy_net(1)
    arrays = {**net.plan.arrays, "output.b": np.full(17, 1e6)}
    with pytest.raises(WeightsError, match=r"output\.b of noisy has numbers that float16 cannot"):
        smiles.save(path, replace(net, plan=Plan(48, net.plan.steps, arrays)))
    assert path.read_bytes() == before
