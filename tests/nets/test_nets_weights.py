"""Weights files: what is written is read, and what cannot be used is told."""

import h5py
import numpy as np
import pytest

from lasagnette.layers import get_all_param_values, get_all_params
from nets import registry, weights
from nets.scaling import Scaling


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "net12.h5"
    net = registry.build("net12", batch_norm=True)
    facts = {"accuracy": 0.5, "note": "é"}
    weights.save(
        path,
        net,
        name="net12",
        options={"batch_norm": True},
        scaling=Scaling(100.0, 0.5),
        facts=facts,
    )
    return path, net, facts


def test_round_trip(saved):
    path, net, facts = saved
    loaded = weights.load(path, expected="net12")
    assert (loaded.name, loaded.facts, loaded.options) == ("net12", facts, {"batch_norm": True})
    assert loaded.scaling == Scaling(100.0, 0.5)
    for a, b in zip(get_all_param_values(loaded.layer), get_all_param_values(net), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_but_the_file_is_left(saved):
    path, *_ = saved
    assert [p.name for p in path.parent.iterdir()] == ["net12.h5"]


def test_a_failed_write_keeps_the_old_file(saved, monkeypatch):
    path, net, _ = saved
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights.os, "replace", full)
    with pytest.raises(weights.WeightsError, match=r"cannot be written.*No space left"):
        weights.save(path, net, name="net12")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["net12.h5"]


def test_another_net_is_told(saved):
    with pytest.raises(weights.WeightsError, match="weights of 'net12', but 'net48' is needed"):
        weights.load(saved[0], expected="net48")


def test_a_newer_format_is_told(saved):
    with h5py.File(saved[0], "a") as file:
        file.attrs["format"] = 99
    with pytest.raises(weights.WeightsError, match=r"format 99.*up to 1; install a newer"):
        weights.load(saved[0])


def test_another_kind_of_hdf5_file_is_told(tmp_path):
    with h5py.File(tmp_path / "index.h5", "w") as file:
        file.attrs["format"] = "lasagnette index 1"
    with pytest.raises(weights.WeightsError, match="not a weights file"):
        weights.load(tmp_path / "index.h5")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(weights.WeightsError, match="no such weights file"):
        weights.load(tmp_path / "none.h5")


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", None])
def test_damaged_files_are_told(saved, content):
    path, *_ = saved
    path.write_bytes(path.read_bytes()[:4000] if content is None else content)
    with pytest.raises(weights.WeightsError, match="damaged"):
        weights.load(path)


def test_one_flipped_byte_in_the_weights_is_told(saved):
    path, *_ = saved
    with h5py.File(path) as file:
        at = file["parameters/dense1.W"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(weights.WeightsError, match="damaged"):
        weights.load(path)


def test_parameters_that_do_not_fit_are_told(saved):
    path, *_ = saved
    with h5py.File(path, "a") as file:
        del file["parameters/output.b"]
        file["parameters/extra"] = np.zeros(3)
    with pytest.raises(weights.WeightsError, match=r"only on one side: extra, output\.b"):
        weights.load(path)


def test_a_parameter_of_another_shape_is_told(saved):
    path, *_ = saved
    with h5py.File(path, "a") as file:
        del file["parameters/output.b"]
        file["parameters/output.b"] = np.zeros(3, "f4")
    with pytest.raises(weights.WeightsError, match=r"output.b has shape \(3,\).*needs \(2,\)"):
        weights.load(path)


def test_a_top_is_swapped(tmp_path):
    """The convolutions of net48 below 17 smileys; a net of another kind gives nothing."""
    taken = weights.graft(net := registry.build("net_smiles"), weights.pretrained("net48"))
    assert taken == ["conv1.W", "conv2.W", "conv3.W", "conv4.W", "dense1.W"]
    source = weights.load(weights.pretrained("net48"), "net48").layer
    wanted = {p.name: p.get_value() for p in get_all_params(source)}
    for parameter in get_all_params(net):
        if parameter.name in taken:
            np.testing.assert_array_equal(parameter.get_value(), wanted[parameter.name])
    weights.save(tmp_path / "small.h5", registry.build("net12"), name="net12")
    fresh = registry.build("net_smiles")
    before = get_all_param_values(fresh)
    with pytest.raises(weights.WeightsError, match="'net12', which has no parameter in common"):
        weights.graft(fresh, tmp_path / "small.h5")
    for a, b in zip(before, get_all_param_values(fresh), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_that_do_not_come_with_the_package():
    with pytest.raises(weights.WeightsError, match=r"no weights of 'net99' .* there are: net48"):
        weights.pretrained("net99")
