"""Which mode a back end's name gives, and what is said where it cannot be used."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.link.jax.linker import JAXLinker
from pytensor.link.numba.linker import NumbaLinker
from pytensor.link.vm import VMLinker
from threadpoolctl import threadpool_info

from lasagnette import backend
from lasagnette.ops import conv2d, dropout_mask, kernels, pool2d
from lasagnette.utils import interpreted_mode


@pytest.fixture(autouse=True)
def everything_there(monkeypatch):
    """A machine with a compiler and JAX, and no choice in its environment."""
    monkeypatch.delenv("LASAGNETTE_BACKEND", raising=False)
    monkeypatch.setattr(backend, "find_spec", lambda name: object())


@pytest.mark.parametrize(
    ("name", "linker"), [("numba", NumbaLinker), ("c", VMLinker), ("jax", JAXLinker)]
)
def test_name_and_environment_choose(name, linker, monkeypatch):
    with pytensor.config.change_flags(cxx="g++"):
        assert isinstance(backend.mode(name).linker, linker)
        monkeypatch.setenv("LASAGNETTE_BACKEND", name)
        assert isinstance(backend.mode().linker, linker)
    assert isinstance(backend.mode("numba").linker, NumbaLinker)


def test_without_a_choice_it_is_pytensors_own():
    assert backend.mode() is pytensor.compile.mode.get_default_mode()


def test_what_cannot_be_used_is_said(monkeypatch):
    with pytest.raises(
        backend.BackendError, match="backend 'cuda' is unknown; choose one of numba"
    ):
        backend.mode("cuda")
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    with pytest.raises(backend.BackendError, match="backend 'jax': JAX is not installed"):
        backend.mode("jax")
    monkeypatch.setenv("LASAGNETTE_BACKEND", "jax")
    with pytest.raises(
        backend.BackendError, match="LASAGNETTE_BACKEND='jax': JAX is not installed"
    ):
        backend.mode()
    with (
        pytensor.config.change_flags(cxx=""),
        pytest.raises(backend.BackendError, match=r"backend 'c': PyTensor has no C\+\+ compiler"),
    ):
        backend.mode("c")


@pytest.mark.skipif(not pytensor.config.cxx, reason="no C++ compiler")
@pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
def test_c_runs_the_ops():
    """The whole step of a small net, from a convolution to its gradients."""

    def build(mode):
        rng = np.random.default_rng(0)
        x = pt.tensor("x", shape=(None, 2, 8, 8), dtype="float32")
        w = pytensor.shared(rng.normal(size=(3, 2, 3, 3)).astype("float32"), shape=(3, 2, 3, 3))
        state = pytensor.shared(np.array([3, 4]), shape=(2,))
        h = pool2d(conv2d(x * dropout_mask(x, 0.5, state), w, pad="same", relu=True), 2)
        gradient = pytensor.grad(h.sum(), w)
        updates = {w: w - gradient, state: state + np.array([0, 1])}
        return pytensor.function([x], gradient, updates=updates, mode=mode)

    x = np.random.default_rng(1).normal(size=(4, 2, 8, 8)).astype("float32")
    compiled, plain = build(backend.mode("c")), build(interpreted_mode())
    for _ in range(2):  # other weights and another mask the second time
        np.testing.assert_allclose(compiled(x), plain(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_threads_are_limited_for_the_time_of_a_block(compiled):
    """SciPy's BLAS, which compiled functions call, as well as NumPy's."""
    before = kernels.get_threads()
    with backend.threads(before + 1, compiled=compiled):
        assert kernels.get_threads() == before + 1
        blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
        assert {pool["num_threads"] for pool in blas} <= {1}
    assert kernels.get_threads() == before
