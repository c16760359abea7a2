"""Recurrent layers against loops in NumPy, and the options of the loop."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit

import lasagnette.layers as L
from lasagnette import init

BATCH, STEPS, FEATURES, UNITS = 3, 4, 2, 5

pytestmark = pytest.mark.usefixtures("seeded")

CELLS = {
    "plain": lambda i, **options: L.RecurrentLayer(i, UNITS, **options),
    "lstm": lambda i, **options: L.LSTMLayer(i, UNITS, **options),
    "gru": lambda i, **options: L.GRULayer(i, UNITS, **options),
}


def sequences(*leading):
    return L.InputLayer((*(leading or (None, None)), FEATURES))


def randomize(layer, rng):
    """Give every parameter, zero biases and initial states included, a value of its own."""
    for param in L.get_all_params(layer):
        param.set_value(rng.normal(size=param.get_value().shape))


def value(param):
    return param.get_value()


def plain_step(l, x, states):
    (h,) = states
    return [np.maximum(x @ value(l.W_in_to_hid) + h @ value(l.W_hid_to_hid) + value(l.b), 0)]


def lstm_step(l, x, states):
    h, c = states

    def activation(gate):
        W_in, W_hid = value(getattr(l, f"W_in_to_{gate}")), value(getattr(l, f"W_hid_to_{gate}"))
        return x @ W_in + h @ W_hid + value(getattr(l, f"b_{gate}"))

    i = expit(activation("ingate") + c * value(l.W_cell_to_ingate))
    f = expit(activation("forgetgate") + c * value(l.W_cell_to_forgetgate))
    c = f * c + i * np.tanh(activation("cell"))
    o = expit(activation("outgate") + c * value(l.W_cell_to_outgate))
    return [o * np.tanh(c), c]


def gru_step(l, x, states):
    (h,) = states
    r = expit(x @ value(l.W_in_to_resetgate) + h @ value(l.W_hid_to_resetgate) + l_b(l, "reset"))
    u = expit(x @ value(l.W_in_to_updategate) + h @ value(l.W_hid_to_updategate) + l_b(l, "update"))
    c = np.tanh(
        x @ value(l.W_in_to_hidden_update)
        + r * (h @ value(l.W_hid_to_hidden_update))
        + value(l.b_hidden_update)
    )
    return [(1 - u) * h + u * c]


def l_b(l, gate):
    return value(getattr(l, f"b_{gate}gate"))


REFERENCES = {"plain": plain_step, "lstm": lstm_step, "gru": gru_step}


def reference(cell, layer, x, mask=None, backwards=False):
    """Every sequence by itself, every step by itself."""
    outputs = np.zeros((*x.shape[:2], UNITS))
    inits = [layer.hid_init] + ([layer.cell_init] if cell == "lstm" else [])
    for b in range(len(x)):
        states = [value(s)[0] for s in inits]
        steps = range(x.shape[1])
        for t in reversed(steps) if backwards else steps:
            if mask is None or mask[b, t]:
                states = REFERENCES[cell](layer, x[b, t], states)
            outputs[b, t] = states[0]
    return outputs


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_of_masked_sequences(cell, backwards, rng, py_function):
    l_in, l_mask = sequences(), L.InputLayer((None, None), input_var=pt.bmatrix())
    layer = CELLS[cell](l_in, mask_input=l_mask, backwards=backwards)
    randomize(layer, rng)
    f = py_function([l_in.input_var, l_mask.input_var], L.get_output(layer))
    for steps in (STEPS, 1):
        x = rng.normal(size=(BATCH, steps, FEATURES))
        mask = np.arange(steps) < np.array([[steps], [1], [0]])
        expected = reference(cell, layer, x, mask, backwards)
        np.testing.assert_allclose(f(x, mask.astype("int8")), expected, rtol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_options_do_not_change_the_output(cell, rng, py_function):
    """Precomputing, unrolling and returning the last state only; a mask of ones."""
    l_in, l_mask = sequences(BATCH, STEPS), L.InputLayer((BATCH, STEPS))
    layer = CELLS[cell](l_in)
    randomize(layer, rng)
    values = L.get_all_param_values(layer)
    others = [
        {"precompute_input": False},
        {"unroll_scan": True, "precompute_input": False},
        {"mask_input": l_mask, "grad_clipping": 1.0},
        {"unroll_scan": True, "mask_input": l_mask},
        {"only_return_final": True},
        {"unroll_scan": True, "only_return_final": True},
    ]
    layers = [CELLS[cell](l_in, **options) for options in others]
    for other in layers:
        L.set_all_param_values(other, values)
    f = py_function([l_in.input_var, l_mask.input_var], L.get_output([layer, *layers]))
    x = rng.normal(size=(BATCH, STEPS, FEATURES))
    expected = reference(cell, layer, x)
    for options, output in zip([{}, *others], f(x, np.ones((BATCH, STEPS))), strict=True):
        wanted = expected[:, -1] if options.get("only_return_final") else expected
        np.testing.assert_allclose(output, wanted, rtol=1e-10, err_msg=str(options))


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_backwards_final_state_is_that_of_the_first_step(cell, unroll, rng, py_function):
    l_in = sequences(BATCH, STEPS)
    layer = CELLS[cell](l_in, backwards=True, only_return_final=True, unroll_scan=unroll)
    randomize(layer, rng)
    x = rng.normal(size=(BATCH, STEPS, FEATURES))
    f = py_function([l_in.input_var], L.get_output(layer))
    np.testing.assert_allclose(f(x), reference(cell, layer, x, backwards=True)[:, 0], rtol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_gradient_of_the_loop_is_that_of_the_steps(cell, rng, py_function):
    l_in, l_mask = sequences(BATCH, 2), L.InputLayer((BATCH, 2))
    options = {"mask_input": l_mask, "learn_init": True, "backwards": True}
    loop = CELLS[cell](l_in, **options)
    randomize(loop, rng)
    steps = CELLS[cell](l_in, unroll_scan=True, **options)
    L.set_all_param_values(steps, L.get_all_param_values(loop))
    weights = rng.normal(size=loop.output_shape)
    gradients = []
    for layer in (loop, steps):
        params = L.get_all_params(layer, trainable=True)
        assert layer.hid_init in params
        loss = (L.get_output(layer) * weights).sum()
        gradients += pytensor.grad(loss, [l_in.input_var, *params])
    mask = np.array([[1, 1], [1, 0], [0, 1.0]])
    found = py_function([l_in.input_var, l_mask.input_var], gradients)(
        rng.normal(size=(BATCH, 2, FEATURES)), mask
    )
    half = len(found) // 2
    for a, b in zip(found[:half], found[half:], strict=True):
        assert np.abs(a).max() > 0
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found[0][mask == 0], 0)


def sum_of_steps(**options):
    """A layer that adds up its input: every step's gradient with respect to the input is 1."""
    one = np.ones((1, 1))
    l_in = L.InputLayer((None, 6, 1))
    return L.RecurrentLayer(
        l_in, 1, W_in_to_hid=one, W_hid_to_hid=one, b=None, nonlinearity=None, **options
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [8, 8, 8, 8, 8, 8]),
        ({"gradient_steps": 2}, [0, 0, 0, 0, 8, 8]),
        ({"grad_clipping": 3}, [3, 3, 3, 3, 3, 3]),
        ({"grad_clipping": 3, "unroll_scan": True}, [3, 3, 3, 3, 3, 3]),
        ({"grad_clipping": False}, [8, 8, 8, 8, 8, 8]),
    ],
)
def test_gradient_steps_and_clipping(options, expected, py_function):
    layer = sum_of_steps(only_return_final=True, **options)
    x = layer.input_layers[0].input_var
    output = L.get_output(layer)
    f = py_function([x], [output.sum(), pytensor.grad(8 * output.sum(), x)])
    total, gradient = f(np.ones((1, 6, 1)))
    assert total == 6
    np.testing.assert_array_equal(gradient.ravel(), expected)


def test_initial_states(rng, py_function):
    """One row for all sequences, or a row each, from arrays, variables and layers."""
    l_in = sequences()
    rows = rng.normal(size=(BATCH, UNITS))
    matrix = pt.dmatrix()
    l_state = L.InputLayer((None, UNITS))
    l_row = L.InputLayer((1, UNITS))
    inits = {
        "array": rows[:1],
        "shared": pytensor.shared(rows[:1]),
        "shared per sequence": pytensor.shared(rows),
        "expression": matrix,
        "layer": l_state,
        "layer, one row": l_row,
    }
    W = rng.normal(size=(UNITS, UNITS))
    layers = [
        L.RecurrentLayer(l_in, UNITS, 0.0, W, nonlinearity=None, hid_init=given, learn_init=True)
        for given in inits.values()
    ]
    f = py_function(
        [l_in.input_var, matrix, l_state.input_var, l_row.input_var], L.get_output(layers)
    )
    outputs = f(np.zeros((BATCH, 2, FEATURES)), rows, rows, rows[:1])
    for name, output in zip(inits, outputs, strict=True):
        start = (
            np.repeat(rows[:1], BATCH, 0) if "row" in name or name in ("array", "shared") else rows
        )
        np.testing.assert_allclose(output[:, 0], start @ W, rtol=1e-10, err_msg=name)
        np.testing.assert_allclose(output[:, 1], start @ W @ W, rtol=1e-10, err_msg=name)
    learned = [layer.hid_init in L.get_all_params(layer, trainable=True) for layer in layers]
    assert learned == [True, True, True, False, False, False]
    assert [len(layer.params) for layer in layers] == [1, 1, 1, 1, 0, 0]


def test_state_of_an_encoder_starts_a_decoder(rng, py_function):
    """Both initial states of an LSTM from layers, whose parameters belong to the network."""
    l_in, l_code, l_mask = sequences(), L.InputLayer((None, 3)), L.InputLayer((None, None))
    hid, cell = L.DenseLayer(l_code, UNITS), L.DenseLayer(l_code, UNITS)
    layer = L.LSTMLayer(l_in, UNITS, hid_init=hid, cell_init=cell, mask_input=l_mask)
    assert L.get_all_layers(layer) == [l_in, l_mask, l_code, hid, cell, layer]
    assert {hid.W, cell.W} < set(L.get_all_params(layer))
    randomize(layer, rng)
    f = py_function(
        [l_in.input_var, l_code.input_var, l_mask.input_var], L.get_output([layer, hid])
    )
    output, start = f(np.zeros((2, 3, FEATURES)), rng.normal(size=(2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(output, np.repeat(start[:, None], 3, 1))


def test_number_and_order_of_parameters():
    """The order that Lasagne's saved weights have."""

    def names(layer, **tags):
        return [p.name for p in L.get_all_params(layer, **tags)]

    layer = L.RecurrentLayer(sequences(), UNITS, name="r")
    assert names(layer) == [
        "r.hid_init",
        "r.input_to_hidden.W",
        "r.input_to_hidden.b",
        "r.hidden_to_hidden.W",
    ]
    assert names(layer, trainable=True) == names(layer)[1:]
    assert names(layer, regularizable=False) == ["r.hid_init", "r.input_to_hidden.b"]

    gates = [
        f"{kind}_{gate}"
        for gate in ("ingate", "forgetgate", "cell", "outgate")
        for kind in ("W_in_to", "W_hid_to", "b")
    ]
    peepholes = [f"W_cell_to_{gate}" for gate in ("ingate", "forgetgate", "outgate")]
    inits = ["cell_init", "hid_init"]
    assert names(L.LSTMLayer(sequences(), UNITS)) == gates + peepholes + inits
    assert names(L.LSTMLayer(sequences(), UNITS, peepholes=False), trainable=True) == gates
    gates = [
        f"{kind}_{gate}"
        for gate in ("updategate", "resetgate", "hidden_update")
        for kind in ("W_in_to", "W_hid_to", "b")
    ]
    layer = L.GRULayer(sequences(), UNITS, learn_init=True)
    assert names(layer, trainable=True) == [*gates, "hid_init"]


def test_features_are_flattened(rng, py_function):
    l_in = L.InputLayer((None, None, 3, 2))
    layers = [CELLS[cell](l_in) for cell in CELLS]
    assert [l.output_shape for l in layers] == [(None, None, UNITS)] * 3
    for output in py_function([l_in.input_var], L.get_output(layers))(np.ones((2, 4, 3, 2))):
        assert output.shape == (2, 4, UNITS)


def test_passing_the_input_through(rng, py_function):
    """Gates that are open or shut make the cells transparent."""
    l_in = L.InputLayer((4, 5, 6))
    zero, eye = init.Constant(0), np.eye(6)
    opened, shut = L.Gate(zero, zero, zero, 1, None), L.Gate(zero, zero, zero, zero, None)
    through = L.Gate(eye, zero, zero, zero, None)
    lstm = L.LSTMLayer(l_in, 6, opened, shut, through, opened, None)
    gru = L.GRULayer(l_in, 6, shut, opened, through)
    x = rng.normal(size=(4, 5, 6))
    for output in py_function([l_in.input_var], L.get_output([lstm, gru]))(x):
        np.testing.assert_allclose(output, x, rtol=1e-12)


def convolutional(**options):
    f_i = L.Conv2DLayer(L.InputLayer((None, 2, 5, 4)), 3, 3, pad="same")
    f_h = L.Conv2DLayer(L.InputLayer((None, 3, 5, 4)), 3, 3, pad="same")
    l_in = L.InputLayer((None, 3, 2, 5, 4))
    return L.CustomRecurrentLayer(l_in, f_i, f_h, **options), f_i, f_h


def test_convolutional_recurrence(rng, py_function):
    """The whole layer, masked, against its two networks applied step by step."""
    l_mask = L.InputLayer((None, 3))
    layer, f_i, f_h = convolutional(mask_input=l_mask, learn_init=True)
    randomize(layer, rng)
    x, mask = rng.normal(size=(2, 3, 2, 5, 4)), np.array([[1, 1, 1], [1, 0, 1.0]])
    f = py_function([layer.input_layers[0].input_var, l_mask.input_var], L.get_output(layer))
    one = pt.dtensor4()
    through, again = (py_function([one], L.get_output(network, one)) for network in (f_i, f_h))
    hid = np.repeat(value(layer.hid_init), 2, 0)
    for t, output in enumerate(f(x, mask).swapaxes(0, 1)):
        new = np.maximum(through(x[:, t]) + again(hid), 0)
        hid = np.where(mask[:, t, None, None, None], new, hid)
        np.testing.assert_allclose(output, hid, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("unroll", [False, True])
def test_dropout_in_the_recurrence_draws_once_per_call(unroll, py_function):
    """All steps of a sequence share a mask; the next call has another one."""
    units = 64
    hidden = L.dropout(L.InputLayer((None, units)), p=0.5)
    f_i = L.ExpressionLayer(L.InputLayer((None, units)), lambda x: 0 * x)
    l_in = L.InputLayer((1, 3, units))
    layer = L.CustomRecurrentLayer(l_in, f_i, hidden, None, init.Constant(1), unroll_scan=unroll)
    f = py_function([l_in.input_var], L.get_output(layer))
    x = np.zeros((1, 3, units))
    first, second = f(x)[0], f(x)[0]
    kept = first[0] > 0
    np.testing.assert_array_equal(first, np.outer([2, 4, 8], kept))
    assert 10 < kept.sum() < 54
    assert (kept != (second[0] > 0)).any()
    steady = py_function([l_in.input_var], L.get_output(layer, deterministic=True))(x)
    np.testing.assert_array_equal(steady, 1)


def test_batch_normalisation_in_the_recurrence():
    f_i = L.DenseLayer(L.InputLayer((None, FEATURES)), UNITS)
    f_h = L.BatchNormLayer(L.DenseLayer(L.InputLayer((None, UNITS)), UNITS))
    layer = L.CustomRecurrentLayer(sequences(), f_i, f_h)
    with pytest.raises(ValueError, match="batch_norm_update_averages=False"):
        L.get_output(layer)
    L.get_output(layer, batch_norm_update_averages=False)
    L.get_output(L.CustomRecurrentLayer(sequences(), L.batch_norm(f_i), f_i2()))


def f_i2():
    return L.DenseLayer(L.InputLayer((None, UNITS)), UNITS)


def test_unknown_keywords_are_warned_of_once(recwarn):
    f_i = L.DenseLayer(L.dropout(L.InputLayer((None, FEATURES))), UNITS)
    layer = L.CustomRecurrentLayer(sequences(), f_i, f_i2())
    L.get_output(layer, deterministic=True)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="unused kwargs: determinstic") as caught:
        L.get_output(layer, determinstic=True)
    assert len(caught) == 1


@pytest.mark.parametrize("cell", CELLS)
def test_what_the_loop_cannot_do(cell):
    make = CELLS[cell]
    with pytest.raises(ValueError, match=r"gradient_steps must be -1 .* got 3"):
        make(sequences(2, 4), unroll_scan=True, gradient_steps=3)
    with pytest.raises(ValueError, match=r"known number of steps, got .*\(2, None, 2\)"):
        make(sequences(2, None), unroll_scan=True)
    with pytest.raises(ValueError, match="known number of features"):
        make(L.InputLayer((2, 4, None)))
    with pytest.raises(ValueError, match=r"mask_input must have shape \(batch, steps\)"):
        make(sequences(), mask_input=sequences())
    with pytest.raises(ValueError, match=r"shape \(1, 5\) is needed"):
        make(sequences(), hid_init=pt.vector())
    with pytest.raises(ValueError, match=r"hid_init must have output shape \(batch, 5\)"):
        make(sequences(), hid_init=L.InputLayer((2, 4)))
    with pytest.raises(TypeError, match="incoming must be"):
        make("sequences")


def test_number_of_steps_is_checked_where_they_are_written_out(py_function):
    l_in = sequences(1, 3)
    x = pt.dtensor3()
    f = py_function([x], L.get_output(L.GRULayer(l_in, 2, unroll_scan=True), x))
    assert f(np.ones((1, 3, FEATURES))).shape == (1, 3, 2)
    with pytest.raises((AssertionError, ValueError), match="3"):
        f(np.ones((1, 4, FEATURES)))


def test_peepholes_need_weights():
    with pytest.raises(ValueError, match="outgate must have a W_cell for peepholes=True"):
        L.LSTMLayer(sequences(), UNITS, outgate=L.Gate(W_cell=None))


def test_networks_must_fit_together():
    def dense(batch, inputs, units):
        return L.DenseLayer(L.InputLayer((batch, inputs)), units)

    def make(f_i, f_h, **options):
        return L.CustomRecurrentLayer(sequences(2, 4), f_i, f_h, **options)

    make(dense(8, FEATURES, 3), dense(2, 3, 3))
    make(dense(2, FEATURES, 3), dense(2, 3, 3), precompute_input=False)
    with pytest.raises(ValueError, match=r"batch size 8 or None .* got \(2, 3\)"):
        make(dense(2, FEATURES, 3), dense(2, 3, 3))
    with pytest.raises(ValueError, match=r"batch size of hidden_to_hidden, 2, got \(3, 3\)"):
        make(dense(3, FEATURES, 3), dense(2, 3, 3), precompute_input=False)
    with pytest.raises(ValueError, match=r"output shape of input_to_hidden, .*got \(None, 4\)"):
        make(dense(None, FEATURES, 3), dense(None, 3, 4))
    with pytest.raises(ValueError, match=r"input of hidden_to_hidden must .* got \(None, 4\)"):
        make(dense(None, FEATURES, 3), dense(None, 4, 3))
    two = L.ElemwiseSumLayer([L.InputLayer((None, 3)), L.InputLayer((None, 3))])
    with pytest.raises(ValueError, match="exactly one InputLayer, got 2"):
        make(dense(None, FEATURES, 3), two)
