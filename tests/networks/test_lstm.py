import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Observation, weights_of


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _numpy_rule(weights, num_layers, rows, state):
    """LSTM layers and a linear one over `rows`, from the equations of Hochreiter and Schmidhuber, with forget gates."""
    next_state = []
    for layer, (hidden, cell) in zip(range(1, num_layers + 1), state, strict=True):
        gates = rows @ weights[f"lstm_{layer}/w_i"] + hidden @ weights[f"lstm_{layer}/w_h"] + weights[f"lstm_{layer}/b"]
        i, f, g, o = np.split(gates, 4, axis=1)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        rows = _sigmoid(o) * np.tanh(cell)
        next_state.append((rows, cell))
    return rows @ weights["linear/w"] + weights["linear/b"], next_state


def _zeros(layers, num_rows):
    return [(np.zeros([num_rows, cells]), np.zeros([num_rows, cells])) for cells in layers]


def _run(network, gradient_sequence):
    """The updates of each step."""
    state = network.initial_state(gradient_sequence[0])
    updates = []
    for gradients in gradient_sequence:
        update, state = network(Observation(gradients), state)
        updates.append(update)
    return updates


def _draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def _random_biases(network):
    weights = weights_of(network)
    networks.assign_weights(network, {name: _draw(*value.shape, seed=1) * 0.5 for name, value in weights.items()})
    return weights_of(network)


@pytest.mark.parametrize("layers", [(), (3,), (3, 2)])
def test_coordinatewise_update_is_the_equations_over_three_steps(layers):
    network = networks.get("CoordinateWiseDeepLSTM", layers=layers, scale=0.1, dtype="float64")
    weights = _random_biases(network)
    gradients = _draw(3, 2, 4)
    updates = _run(network, [{"x": tf.constant(g)} for g in gradients])
    state = _zeros(layers, 8)
    for step in range(3):
        expected, state = _numpy_rule(weights, len(layers), gradients[step].reshape(8, 1), state)
        np.testing.assert_allclose(updates[step]["x"], 0.1 * expected.reshape(2, 4), rtol=1e-12, atol=1e-14)


def test_preprocessed_features_enter_the_first_layer():
    options = {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 5}}
    network = networks.get("CoordinateWiseDeepLSTM", layers=(3,), dtype="float64", **options)
    weights = _random_biases(network)
    assert weights["lstm_1/w_i"].shape == (2, 12)
    gradient = np.array([0.5, -1e-4, 3.0])
    features = np.array([[np.log(0.5) / 5, 1.0], [-1.0, -1e-4 * np.exp(5)], [np.log(3.0) / 5, 1.0]])
    expected, _ = _numpy_rule(weights, 1, features, _zeros((3,), 3))
    (updates,) = _run(network, [{"x": tf.constant(gradient)}])
    np.testing.assert_allclose(updates["x"], expected[:, 0], rtol=1e-12)


def test_coordinatewise_state_belongs_to_a_coordinate():
    """A tensor, its permutation, and the same coordinates as two tensors get the same updates over steps."""
    network = networks.get("CoordinateWiseDeepLSTM", layers=(3, 2), dtype="float64")
    gradients = _draw(3, 6)
    order = np.array([4, 2, 0, 5, 1, 3])
    whole = _run(network, [{"x": tf.constant(g)} for g in gradients])
    permuted = _run(network, [{"x": tf.constant(g[order])} for g in gradients])
    split = _run(network, [{"a": tf.constant(g[:2]), "b": tf.constant(g[2:].reshape(2, 2))} for g in gradients])
    for step in range(3):
        np.testing.assert_allclose(permuted[step]["x"], whole[step]["x"].numpy()[order], rtol=1e-12)
        rejoined = np.concatenate([split[step]["a"], np.ravel(split[step]["b"])])
        np.testing.assert_allclose(rejoined, whole[step]["x"], rtol=1e-12)


def test_standard_reads_the_last_axis_and_keeps_a_state_for_each_row():
    network = networks.get("StandardDeepLSTM", output_size=3, layers=(4,), dtype="float64")
    weights = _random_biases(network)
    matrix, vector = _draw(2, 2, 3), _draw(2, 3, seed=2)
    updates = _run(network, [{"m": tf.constant(m), "v": tf.constant(v)} for m, v in zip(matrix, vector, strict=True)])
    state = _zeros((4,), 3)
    for step in range(2):
        rows = np.concatenate([matrix[step], vector[step][None]])
        expected, state = _numpy_rule(weights, 1, rows, state)
        np.testing.assert_allclose(updates[step]["m"], expected[:2], rtol=1e-12)
        np.testing.assert_allclose(updates[step]["v"], expected[2], rtol=1e-12)


@pytest.mark.parametrize("kernel_shape", [(2, 3), (3,)])
def test_kernel_reads_one_kernel_for_each_pair_of_channels(kernel_shape):
    network = networks.get("KernelDeepLSTM", kernel_shape=kernel_shape, layers=(4,), dtype="float64")
    weights = _random_biases(network)
    gradient = _draw(*kernel_shape, 2, 4)
    (updates,) = _run(network, [{"w": tf.constant(gradient)}])
    for channel_in in range(2):
        for channel_out in range(4):
            kernel = gradient[..., channel_in, channel_out].reshape(1, -1)
            expected, _ = _numpy_rule(weights, 1, kernel, _zeros((4,), 1))
            np.testing.assert_allclose(
                updates["w"][..., channel_in, channel_out], expected.reshape(kernel_shape), rtol=1e-12
            )


@pytest.mark.parametrize("gradient_dtype", ["bfloat16", "float16", "float64"])
def test_gradients_of_another_type_are_cast_in_and_updates_out(gradient_dtype):
    network = networks.get("CoordinateWiseDeepLSTM", layers=(3,))
    gradient = tf.constant([0.5, -2.0, 0.25])
    (expected,) = _run(network, [{"x": gradient}])
    (updates,) = _run(network, [{"x": tf.cast(gradient, gradient_dtype)}])
    assert updates["x"].dtype == gradient_dtype
    np.testing.assert_array_equal(updates["x"], tf.cast(expected["x"], gradient_dtype))


def test_dtype_is_of_the_weights_and_the_state():
    network = networks.get("CoordinateWiseDeepLSTM", layers=(3,), dtype="float64")
    tensors = [*network.variables, *tf.nest.flatten(network.initial_state({"x": tf.zeros([2])}))]
    assert {tensor.dtype for tensor in tensors} == {tf.float64}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "CoordinateWiseDeepLSTM",
            {"layers": (3, 0)},
            r"layers is a list, each a whole number of at least 1\. Received: layers=\[3, 0\]\.",
        ),
        (
            "CoordinateWiseDeepLSTM",
            {"layers": (2.5,)},
            r"layers is a list, each a whole number of at least 1\. Received: layers=\[2\.5\]\.",
        ),
        (
            "StandardDeepLSTM",
            {"output_size": 0},
            r"output_size is a whole number of at least 1\. Received: output_size=0\.",
        ),
        ("StandardDeepLSTM", {}, r"StandardDeepLSTM does not take these options: .*'output_size'.* Received: \{\}\."),
        (
            "KernelDeepLSTM",
            {"kernel_shape": (3, 0)},
            r"kernel_shape is a list of 1 or more, .* Received: kernel_shape=\[3, 0\]\.",
        ),
        (
            "KernelDeepLSTM",
            {"kernel_shape": ()},
            r"kernel_shape is a list of 1 or more, .* Received: kernel_shape=\[\]\.",
        ),
    ],
)
def test_bad_options(name, options, message):
    with pytest.raises(ValueError, match=message):
        networks.get(name, **options)


@pytest.mark.parametrize("shape", [(), (4,), (3, 4)])
def test_standard_refuses_other_last_axes(shape):
    network = networks.get("StandardDeepLSTM", output_size=3, layers=())
    with pytest.raises(ValueError, match=r"with output_size=3 takes parameters whose last axis .* Received: shape \("):
        network.initial_state({"x": tf.zeros(shape)})


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 1), (3, 2, 1, 1), (1, 2, 3, 1, 1)])
def test_kernel_refuses_other_shapes(shape):
    network = networks.get("KernelDeepLSTM", kernel_shape=(2, 3), layers=())
    with pytest.raises(ValueError, match=r"takes kernels of shape \(2, 3\) \+ \(in, out\)\. Received: \("):
        network.initial_state({"x": tf.zeros(shape)})
