"""Parameters written to files and read again, and files that do not fit."""

from __future__ import annotations

import string

import h5py
import numpy as np
import pytensor
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lasagnette.layers as L


def a_network(names=("trunk", None), classes=2):
    net = L.InputLayer((None, 4))
    for name in names:
        net = L.batch_norm(L.DenseLayer(net, 3, name=name))
    return L.DenseLayer(net, classes, name=f"{classes} classes")


def changed(network):
    """Return a network's values after changing all of them."""
    for number, param in enumerate(L.get_all_params(network)):
        param.set_value(param.get_value() + number + 1)
    return L.get_all_param_values(network)


def assert_values(network, expected):
    for value, wanted in zip(L.get_all_param_values(network), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)


@pytest.mark.parametrize(
    ("save", "load"), [(L.save_params, L.load_params), (L.save_npz, L.load_npz)]
)
def test_round_trip(save, load, tmp_path):
    path = tmp_path / "net"
    source, target = a_network(), a_network()
    values = changed(source)
    save(path, source)
    save(path, source)  # over the first
    load(path, target)
    assert_values(target, values)
    assert [p.name for p in tmp_path.iterdir()] == ["net"]


def test_npz_as_lasagne_users_write_it(tmp_path):
    path = tmp_path / "model.npz"
    source, target = a_network(), a_network()
    values = changed(source)
    np.savez(path, *values)
    L.load_npz(path, target)
    assert_values(target, values)
    with np.load(path, allow_pickle=False) as file:
        assert file.files[:2] == ["arr_0", "arr_1"]


def test_values_take_the_networks_dtype(tmp_path):
    path = tmp_path / "net.h5"
    source = a_network()
    L.save_params(path, source)
    with pytensor.config.change_flags(floatX="float32"):
        target = a_network()
    L.load_params(path, target)
    for value, wanted in zip(
        L.get_all_param_values(target), L.get_all_param_values(source), strict=True
    ):
        assert value.dtype == "float32"
        np.testing.assert_array_equal(value, wanted.astype("float32"))


def test_names_are_the_layers_or_their_class_and_number():
    network = L.get_all_layers(a_network(names=("same", None, "same", None)))
    names = list(L.name_params(network))
    assert [n for n in names if n.endswith(".W")] == [
        "same.W",
        "DenseLayer_1.W",
        "same_2.W",
        "DenseLayer_2.W",
        "2 classes.W",
    ]
    assert "same_bn.mean" in names


def test_names_do_not_depend_on_layers_without_parameters():
    plain = L.DenseLayer(L.DenseLayer((None, 4), 3), 2)
    noisy = L.DenseLayer(L.dropout(L.DenseLayer(L.dropout((None, 4)), 3)), 2)
    assert list(L.name_params(plain)) == list(L.name_params(noisy))


def test_shared_parameters_are_written_once(tmp_path):
    first = L.DenseLayer((None, 4), 4)
    second = L.DenseLayer(first, 4, W=first.W.T, b=first.b)
    assert list(L.name_params(second)) == ["DenseLayer_1.W", "DenseLayer_1.b"]


names = st.lists(
    st.one_of(st.none(), st.text(string.ascii_letters + "_1 .", min_size=1, max_size=12)),
    min_size=1,
    max_size=6,
)


@given(names)
@settings(deadline=None, max_examples=30)
def test_names_are_unique_and_read_back(tmp_path_factory, names):
    layers = [L.DenseLayer((None, 2), 1, name=name) for name in names]
    params = L.name_params(layers)
    assert list(params.values()) == L.get_all_params(layers)
    path = tmp_path_factory.mktemp("names") / "net.h5"
    L.save_params(path, layers)
    assert set(L.load_params(path, layers)) == set(params)


def test_some_parameters_only(tmp_path):
    path = tmp_path / "net.h5"
    old, new = a_network(), a_network(classes=5)
    changed(old)
    L.save_params(path, old)
    head = new.W.get_value()
    found = L.load_params(path, new, strict=False)
    assert found == [n for n in L.name_params(new) if not n.startswith("5 classes")]
    np.testing.assert_array_equal(new.W.get_value(), head)
    assert_values(new.input_layer, L.get_all_param_values(old.input_layer))


def test_what_does_not_fit_is_named(tmp_path):
    path = tmp_path / "net.h5"
    L.save_params(path, a_network())
    with pytest.raises(
        ValueError,
        match=r"net.h5': the file lacks 5 classes.W, 5 classes.b; the network lacks 2 classes.W, "
        r"2 classes.b; strict=False sets",
    ):
        L.load_params(path, a_network(classes=5))
    with pytest.raises(ValueError, match="the network has none of the file's parameters, "):
        L.load_params(path, L.DenseLayer((None, 4), 3, name="other"), strict=False)
    wide = L.DenseLayer((None, 9), 3, name="trunk", b=None)
    before = wide.W.get_value()
    with pytest.raises(
        ValueError,
        match=r"parameter 'trunk.W' has shape \(4, 3\), the network needs \(9, 3\)",
    ):
        L.load_params(path, wide, strict=False)
    np.testing.assert_array_equal(wide.W.get_value(), before)


def test_files_of_another_kind_are_refused(tmp_path):
    network = a_network()
    text = tmp_path / "text"
    text.write_text("no numbers")
    with pytest.raises(ValueError, match="text' is no file of parameters, or damaged"):
        L.load_params(text, network)
    with pytest.raises(ValueError, match="text' is no npz file, or holds Python objects"):
        L.load_npz(text, network)
    for load in (L.load_params, L.load_npz):
        with pytest.raises(FileNotFoundError, match=r"there is no file .*missing'"):
            load(tmp_path / "missing", network)
    newer = tmp_path / "newer.h5"
    with h5py.File(newer, "w") as file:
        file.attrs["format"] = 9
    with pytest.raises(ValueError, match="format 9; this version reads up to 1"):
        L.load_params(newer, network)


def test_damaged_files_are_refused(tmp_path):
    network = a_network()
    for save, load in ((L.save_params, L.load_params), (L.save_npz, L.load_npz)):
        path = tmp_path / "net"
        save(path, network)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match="or damaged"):
            load(path, network)


def test_npz_that_does_not_fit(tmp_path):
    network, path = a_network(), tmp_path / "net.npz"
    np.savez(path, np.zeros(3))
    with pytest.raises(ValueError, match=r"net.npz': .* got 1 values for 12 parameters"):
        L.load_npz(path, network)
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(ValueError, match=r"must hold arr_0, arr_1, .* got \['weights'\]"):
        L.load_npz(path, network)
    np.savez(path, np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="Python objects, which are never unpickled"):
        L.load_npz(path, network)
    np.savez(path, np.array(["a"]))
    with pytest.raises(ValueError, match="'arr_0' must hold numbers, got dtype"):
        L.load_npz(path, network)


def test_a_failed_write_keeps_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "net.h5"
    network = a_network()
    L.save_params(path, network)
    values = L.get_all_param_values(network)
    changed(network)

    def full(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(OSError, match="no space left"):
        L.save_params(path, network)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["net.h5"]
    L.load_params(path, network)
    assert_values(network, values)
