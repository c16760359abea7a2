"""One training step computes the same whatever computes it, and JAX's values can be kept."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import lasagnette.random
from lasagnette import backend
from lasagnette.layers import get_all_params
from lasagnette.utils import interpreted_mode
from nets import registry, weights
from nets.inference import forward
from nets.scaling import Scaling
from nets.training import Trainer

BATCH = 4  # few enough windows that no maximum of any is shared but for rounding

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None,
    reason="JAX is not installed: pip install -r requirements/jax.txt",
)
# PyTensor says that pip brings no BLAS for C; it then calls NumPy's.
slow_c = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")]


def trained(net, name, **options):
    """Return a trainer after one step on noise; equal names give equal starts."""
    lasagnette.random.set_rng(np.random.default_rng(1))
    mode = interpreted_mode() if name == "interpreted" else backend.mode(name)
    trainer = Trainer(registry.build(net, **options), Scaling(), mode=mode)
    trainer.step(noise(net), 1e-3)
    return trainer


def noise(net):
    spec, rng = registry.spec(net), np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, 3, spec.side, spec.side)).astype("uint8")
    return images, rng.integers(0, spec.classes, BATCH).astype("int32")


@pytest.mark.parametrize(
    ("net", "options", "name", "other"),
    [
        pytest.param("net12", {}, "jax", "numba", marks=[needs_jax, pytest.mark.slow]),
        pytest.param("net12", {"batch_norm": True}, "jax", "interpreted", marks=needs_jax),
        pytest.param("net48", {}, "jax", "interpreted", marks=needs_jax),
        pytest.param("net48", {}, "jax", "numba", marks=[needs_jax, pytest.mark.slow]),
        pytest.param("net12", {}, "c", "numba", marks=slow_c),
    ],
)
def test_a_whole_training_step(net, options, name, other):
    """Parameters, gradients (in Adam's moments), averages, counters and outputs."""
    one, two = trained(net, name, **options), trained(net, other, **options)
    expected = two.state()
    for key, value in one.state().items():
        assert value.dtype == expected[key].dtype
        if value.dtype == np.int64:
            np.testing.assert_array_equal(value, expected[key])
            continue
        # Adam divides by a gradient's size, so the smallest ones' rounding is large in weights.
        moments = key.endswith((".mean", ".squares"))
        scale = np.abs(expected[key]).max() if moments else 1.0
        np.testing.assert_allclose(value / scale, expected[key] / scale, atol=1e-4, err_msg=key)
    images, _ = noise(net)
    np.testing.assert_allclose(one.logits(images), two.logits(images), atol=1e-4)


@needs_jax
def test_what_jax_trained_is_saved_resumed_and_run_elsewhere(tmp_path):
    trainer = trained("net12", "jax")
    facts = {"options": {}, "scaling": trainer.scaling, "facts": {}}
    weights.save(tmp_path / "net.h5", trainer.layer, name="net12", **facts)
    images, labels = noise("net12")
    logits = trainer.logits(images)
    pixels = trainer.scaling.apply(images)
    loaded = weights.load(tmp_path / "net.h5").layer
    np.testing.assert_allclose(forward(loaded)(pixels), logits, atol=1e-5)

    state = trainer.state()
    going_on = trainer.step((images, labels), 1e-3)
    trainer.restore(state)
    assert trainer.step((images, labels), 1e-3) == going_on

    trainer.restore(state)
    backend.fetch(get_all_params(trainer.layer))
    np.testing.assert_allclose(forward(trainer.layer)(pixels), logits, atol=1e-5)
