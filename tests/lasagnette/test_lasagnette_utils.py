"""Conversions and parameter creation."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from lasagnette import utils
from lasagnette.init import Constant


def test_floatx_follows_the_setting():
    assert utils.floatX([1, 2]).dtype == "float64"
    with pytensor.config.change_flags(floatX="float32"):
        assert utils.floatX(1).dtype == "float32"
        assert utils.shared_empty().get_value().dtype == "float32"
    empty = utils.shared_empty(3, dtype="int8")
    empty.set_value(np.zeros((2, 3, 4), "int8"))
    assert empty.type.shape == (None,) * 3


def test_as_theano_expression():
    x = pt.dvector()
    assert utils.as_theano_expression(x) is x
    np.testing.assert_array_equal(utils.as_theano_expression([1, 2]).data, [1, 2])
    with pytest.raises(TypeError, match="an expression, number or array is expected, got object"):
        utils.as_theano_expression(object())


def test_cast_like():
    x = pt.fvector()
    assert utils.cast_like(0.1, x).dtype == "float32"
    assert utils.cast_like(pt.dscalar(), x).dtype == "float32"
    assert utils.cast_like(x, x) is x


def test_one_hot(py_function):
    x = pt.lvector()
    np.testing.assert_array_equal(py_function([x], utils.one_hot(x))([2, 0]), np.eye(3)[[2, 0]])
    np.testing.assert_array_equal(py_function([x], utils.one_hot(x, 4))([2, 0]), np.eye(4)[[2, 0]])


def test_interpreted_mode_multiplies_by_numpy():
    """Terms are not merged: PyTensor computes more than two of them element by element."""
    x, y, z = pt.dvectors("xyz")
    f = pytensor.function([x, y, z], [x * y * z, x + y + z], mode=utils.interpreted_mode())
    assert max(len(node.inputs) for node in f.maker.fgraph.apply_nodes) == 2


def test_as_tuple():
    assert utils.as_tuple("ab", 2) == ("a", "b")
    with pytest.raises(ValueError, match="an iterable with length 2, got \\(1, 2, 3\\)"):
        utils.as_tuple((1, 2, 3), 2)
    with pytest.raises(TypeError, match=r"an iterable of int, got 1\.5"):
        utils.as_tuple(1.5, 2, int)


def test_as_tuple_takes_numpy_integers_for_ints():
    for given in (np.int64(3), [np.uint8(3), 3], np.array([3, 3])):
        result = utils.as_tuple(given, 2, int)
        assert result == (3, 3)
        assert all(type(number) is int for number in result)
    with pytest.raises(TypeError, match="an iterable of int, got"):
        utils.as_tuple(np.float64(3), 2, int)


def test_inspect_kwargs():
    assert utils.inspect_kwargs(lambda a, b=1, *c, d=2, **e: None) == ["b", "d"]


def test_collect_shared_vars_goes_left_to_right():
    a, b, c = (pytensor.shared(1.0, name=name) for name in "abc")
    x = pt.dscalar()
    assert utils.collect_shared_vars((b + x) * a - b * c) == [b, a, c]
    assert utils.collect_shared_vars([c, a + c]) == [c, a]
    assert utils.collect_shared_vars([]) == []


def test_compute_norms():
    np.testing.assert_allclose(utils.compute_norms(np.ones((4, 3))), [2, 2, 2])
    np.testing.assert_allclose(utils.compute_norms(np.ones((4, 3)), (1,)), np.sqrt([3] * 4))
    np.testing.assert_allclose(utils.compute_norms(np.array([-3.0, 2.0])), [3, 2])
    with pytest.raises(ValueError, match="Unsupported tensor dimensionality 6; give norm_axes"):
        utils.compute_norms(np.ones((1,) * 6))
    with pytest.raises(RuntimeError, match="Unsupported type list"):
        utils.compute_norms([[1, 2]])


@pytest.mark.parametrize(
    "spec",
    [2, np.float32(2), np.full((3, 1), 2.0), Constant(2), lambda shape: np.full(shape, 2.0)],
)
def test_create_param_from_values(spec):
    param = utils.create_param(spec, (3, 1), name="p")
    assert param.name == "p"
    assert param.type.shape == (3, 1)
    assert param.get_value().dtype == "float64"
    assert (param.get_value() == 2).all()


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_create_param_keeps_the_dtype_of_an_array(dtype):
    assert utils.create_param(np.zeros((3, 1), dtype), (3, 1)).type.dtype == dtype


def test_create_param_passes_variables_through():
    x = pt.dmatrix()
    assert utils.create_param(x, (3, 1), name="x") is x
    assert x.name == "x"
    assert utils.create_param(x, (3, 1), name="y").name == "x"
    assert utils.create_param(lambda shape: x, (3, 1)) is x


def test_created_param_is_a_copy():
    value = np.ones(3)
    param = utils.create_param(value, (3,))
    value[:] = 7
    np.testing.assert_array_equal(param.get_value(), 1)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (np.ones((2, 3)), ValueError, r"parameter 'p': shape \(3, 2\) is needed, .* \(2, 3\)"),
        (lambda s: np.ones(3), ValueError, r"shape \(3, 2\) is needed, the array has \(3,\)"),
        (pt.dvector(), ValueError, r"shape \(3, 2\) is needed, the variable has \(None,\)"),
        (pt.dcol(), ValueError, r"shape \(3, 2\) is needed, the variable has \(None, 1\)"),
        (np.ones(()), ValueError, r"shape \(3, 2\) is needed, the array has \(\)"),
        (np.array([["a"]]), TypeError, "a number, array, variable or callable"),
        ([[1.0, 2.0]], TypeError, "a number, array, variable or callable"),
        ("many", TypeError, "a number, array, variable or callable .* got 'many'"),
        (lambda s: object(), TypeError, "parameter 'p': a number, array, variable or callable"),
    ],
)
def test_create_param_names_what_does_not_fit(spec, error, message):
    with pytest.raises(error, match=message):
        utils.create_param(spec, (3, 2), name="p")


def test_unroll_scan_equals_a_loop(rng, py_function):
    x, z = pt.dmatrix("x"), pt.dvector("z")

    def step(row, total, product, factor):
        return [total + factor * row, product * row]

    value = rng.normal(size=(4, 3))
    for backwards in (False, True):
        outputs = utils.unroll_scan(step, x, [pt.zeros(3), pt.ones(3)], z, 4, backwards)
        total, product = py_function([x, z], outputs)(value, [2.0, 2.0, 2.0])
        order = value[::-1] if backwards else value
        np.testing.assert_allclose(total, 2 * order.cumsum(axis=0))
        np.testing.assert_allclose(product, order.cumprod(axis=0))


def test_create_param_needs_positive_lengths():
    with pytest.raises(ValueError, match=r"parameter: all dimensions must be positive.*\(3, 0\)"):
        utils.create_param(1, (3, 0))


def test_create_param_names_a_class_that_was_not_called():
    with pytest.raises(TypeError, match=r"'W'.* the class Constant; did you mean Constant\(\)\?"):
        utils.create_param(Constant, (3, 1), name="W")
