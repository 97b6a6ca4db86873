"""The parts that networks are made of, against NumPy and Sonnet."""

import math

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from problems import taskset
from problems.taskset import small
from problems.taskset.parts import recurrent, weights
from problems.taskset.parts.activations import ACTIVATIONS
from problems.taskset.parts.convolution import by_matrix, convolution_weights, convolve
from problems.taskset.parts.dense import dense, dense_weights
from problems.taskset.samplers import parts
from tests.problems.taskset import configs

SEED = tf.constant([3, -4])
_NORMAL = {"name": "normal", "scale": 0.7}


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_activations():
    x = np.array([-1.5, -0.2, 0.0, 0.7, 3.0])
    expected = {
        "relu": np.maximum(x, 0),
        "tanh": np.tanh(x),
        "cos": np.cos(x),
        "elu": np.where(x > 0, x, np.exp(x) - 1),
        "sigmoid": _sigmoid(x),
        "swish": x * _sigmoid(x),
        "leaky_relu_0.4": np.where(x > 0, x, 0.4 * x),
        "leaky_relu_0.2": np.where(x > 0, x, 0.2 * x),
        "leaky_relu_0.1": np.where(x > 0, x, 0.1 * x),
    }
    assert set(ACTIVATIONS) == set(expected) == set(parts.ACTIVATIONS)
    for name, value in expected.items():
        np.testing.assert_allclose(ACTIVATIONS[name](tf.constant(x)), value, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("initializer", "stddev", "bound"),
    [
        ({"name": "he_normal"}, math.sqrt(2 / 60), 2 * math.sqrt(2 / 60) / 0.8796),
        ({"name": "he_uniform"}, math.sqrt(2 / 60), math.sqrt(6 / 60)),
        ({"name": "glorot_normal"}, math.sqrt(2 / 460), 2 * math.sqrt(2 / 460) / 0.8796),
        ({"name": "glorot_uniform"}, math.sqrt(2 / 460), math.sqrt(6 / 460)),
        ({"name": "variance_scaling", "scale": 3.0}, math.sqrt(3 / 60), 2 * math.sqrt(3 / 60) / 0.8796),
        ({"name": "truncated_normal", "scale": 3.0}, 3 * 0.8796, 6.0),
        ({"name": "normal", "scale": 3.0}, 3.0, 30.0),
        ({"name": "uniform", "scale": 3.0}, 3 / math.sqrt(3), 3.0),
    ],
)
def test_initializers_have_their_spread(initializer, stddev, bound):
    value = weights.initial((60, 400), initializer, SEED).numpy()
    assert np.std(value) == pytest.approx(stddev, rel=0.02)
    assert abs(np.mean(value)) < 4 * stddev / math.sqrt(value.size)
    assert bound * (0.8 if initializer["name"] != "normal" else 0.1) < np.max(np.abs(value)) <= bound * 1.0001


def test_fans_of_a_convolution_count_its_positions():
    value = weights.initial((3, 3, 8, 64), {"name": "he_uniform"}, SEED)
    assert np.max(np.abs(value)) == pytest.approx(math.sqrt(6 / (9 * 8)), rel=1e-2)
    value = weights.initial((3, 3, 8, 64), {"name": "glorot_uniform"}, SEED)
    assert np.max(np.abs(value)) == pytest.approx(math.sqrt(6 / (9 * 8 + 9 * 64)), rel=1e-2)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (3, 3, 2, 5)])
def test_an_orthogonal_kernel(shape):
    value = weights.initial(shape, {"name": "orthogonal", "scale": 2.0}, SEED).numpy().reshape(-1, shape[-1])
    gram = value.T @ value if value.shape[0] >= value.shape[1] else value @ value.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)


def test_every_initializer_that_is_sampled_is_known():
    for name in parts.INITIALIZERS:
        assert np.all(np.isfinite(weights.initial((3, 4), {"name": name, "scale": 0.5}, SEED)))
    with pytest.raises(ValueError, match=r"taskset has no such initializer. Received: \{'name': 'twos'\}."):
        weights.initial((3,), {"name": "twos"}, SEED)


def test_dense_layers_are_those_of_sonnet():
    p = weights.draw(dense_weights("mlp", [4, 5, 3], _NORMAL), SEED)
    x = tf.random.stateless_normal([2, 4], SEED)
    network = snt.nets.MLP([5, 3], activation=tf.tanh)
    network(x)
    for layer, name in zip(network._layers, ("mlp/linear_0", "mlp/linear_1"), strict=True):
        layer.w.assign(p[f"{name}/w"])
        layer.b.assign(p[f"{name}/b"])
    np.testing.assert_allclose(dense("mlp", 2, p, x, tf.tanh), network(x), rtol=1e-6)


@pytest.mark.parametrize("pattern", parts.STRIDES)
def test_convolutions_are_those_of_sonnet(pattern):
    config = {
        "strides": pattern,
        "channels": [2, 3],
        "padding": ["VALID", "SAME"],
        "bias": True,
        "activation": "elu",
    }
    p = weights.draw(convolution_weights(config, 1, _NORMAL), SEED)
    x = images = tf.random.stateless_normal([2, 9, 9, 1], SEED)
    for i, (stride, padding) in enumerate(
        zip({"two": (2, 2), "one_two": (1, 2), "two_one": (2, 1)}[pattern], ("VALID", "SAME"))
    ):
        layer = snt.Conv2D(config["channels"][i], 3, stride, padding=padding)
        layer(x)
        layer.w.assign(p[f"conv_2d_{i}/w"])
        layer.b.assign(p[f"conv_2d_{i}/b"])
        x = tf.nn.elu(layer(x))
    received = convolve(config, p, images)
    np.testing.assert_allclose(received, x, rtol=1e-5, atol=1e-6)
    assert received.shape[1:] == parts.convolved_shape(config, (9, 9, 1))


@pytest.mark.parametrize(("stride", "padding"), [(1, "SAME"), (1, "VALID"), (2, "SAME"), (2, "VALID"), (3, "SAME")])
@pytest.mark.parametrize("size", [(8, 8), (7, 10), (3, 4)])
def test_a_convolution_by_a_matrix_is_tensorflows(size, stride, padding):
    x = tf.random.stateless_normal([2, *size, 3], SEED)
    kernel = tf.random.stateless_normal([3, 3, 3, 4], (5, 6))
    results = []
    for convolution in (tf.nn.conv2d, by_matrix):
        with tf.GradientTape() as tape:
            tape.watch((x, kernel))
            outputs = convolution(x, kernel, stride, padding)
            loss = tf.reduce_sum(tf.sin(outputs))
        results.append((outputs, *tape.gradient(loss, (x, kernel))))
    for expected, received in zip(*results, strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", small.CONVOLUTIONAL)
def test_many_small_convolutional_networks_at_once(name):
    config = small.CONVOLUTIONAL[name]
    config = {**config, "data": {**config["data"], "dataset": "synthetic"}}
    as_tensorflow = {**config, "convolutions": {**config["convolutions"], "as_matrices": False}}
    problem, reference = taskset.build(config), taskset.build(as_tensorflow)
    members = [problem.initial_parameters((), tf.constant([seed, 1])) for seed in range(3)]
    together = tf.nest.map_structure(lambda *values: tf.stack(values), *members)
    losses = tf.vectorized_map(lambda p: problem.loss(p, (), SEED), together, fallback_to_while_loop=False)
    np.testing.assert_allclose(losses, [reference.loss(p, (), SEED) for p in members], rtol=1e-5)


def test_whether_convolutions_are_matrices_is_true_or_false():
    faulty = configs.with_data("conv_pooling")
    faulty["convolutions"] = {**faulty["convolutions"], "as_matrices": "no"}
    with pytest.raises(ValueError, match="cannot be built: as_matrices is true or false, not 'no'"):
        taskset.build(faulty)


def test_convolutions_that_leave_nothing():
    config = {"strides": "two", "channels": [8] * 4, "padding": ["VALID"] * 4}
    assert (
        min(parts.convolved_shape(config, (28, 28, 1))[:2]) < 1 <= min(parts.convolved_shape(config, (32, 32, 3))[:2])
    )
    faulty = configs.with_data("conv_pooling", size=2)
    faulty["convolutions"] = {**faulty["convolutions"], "padding": ["VALID"]}
    with pytest.raises(ValueError, match="cannot be built: its convolutions leave nothing of 2 x 2 pixels"):
        taskset.build(faulty)


def _by_hand(kind, p, x, h, c):
    """Outputs of a core, step by step."""
    outputs = []
    for x_t in x:
        if kind == "vanilla":
            h = np.tanh(x_t @ p["core/w_i"] + h @ p["core/w_h"] + p["core/b"])
        elif kind == "gru":
            z = _sigmoid(x_t @ p["core/w_z"] + h @ p["core/u_z"] + p["core/b_z"])
            r = _sigmoid(x_t @ p["core/w_r"] + h @ p["core/u_r"] + p["core/b_r"])
            new = np.tanh(x_t @ p["core/w_h"] + (r * h) @ p["core/u_h"] + p["core/b_h"])
            h = (1 - z) * h + z * new
        else:
            i, g, f, o = np.split(np.concatenate([x_t, h], 1) @ p["core/w_gates"] + p["core/b_gates"], 4, 1)
            c = _sigmoid(f + 1) * c + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


def _parameters(shapes):
    rng = np.random.RandomState(0)
    return {name: tf.constant(rng.randn(*weight.shape), tf.float32) for name, weight in shapes.items()}


@pytest.mark.parametrize(("trained", "most_written_out"), [(False, 32), (True, 32), (True, 3)])
@pytest.mark.parametrize("kind", ["vanilla", "gru", "lstm"])
def test_cores_agree_with_steps_by_hand(kind, trained, most_written_out, monkeypatch):
    monkeypatch.setattr(recurrent, "_MOST_WRITTEN_OUT", most_written_out)
    core = configs.core(kind)
    shapes = recurrent.core_weights(core, 3) | (recurrent.initial_state_weights(core) if trained else {})
    p = _parameters(shapes)
    x = tf.random.stateless_normal([6, 2, 3], SEED)
    values = {name: value.numpy().astype(float) for name, value in p.items()}
    start = {name: np.zeros([2, 5]) + values.get(f"initial_state/{name}", 0) for name in "hc"}
    expected = _by_hand(kind, values, x.numpy(), start["h"], start["c"])
    np.testing.assert_allclose(recurrent.run(core, p, x), expected, rtol=1e-4, atol=1e-5)


def test_the_lstm_is_sonnets():
    core = configs.core("lstm")
    p = _parameters(recurrent.core_weights(core, 3))
    lstm = snt.LSTM(5)
    x = tf.random.stateless_normal([4, 2, 3], SEED)
    state = lstm.initial_state(2)
    lstm(x[0], state)
    # Sonnet 2 has the gates in another order, and the forget gate's 1 in its bias.
    order = np.concatenate([np.arange(0, 5), np.arange(10, 15), np.arange(5, 10), np.arange(15, 20)])
    gates, bias = p["core/w_gates"].numpy()[:, order], p["core/b_gates"].numpy()[order]
    lstm.input_to_hidden.assign(gates[:3])
    lstm.hidden_to_hidden.assign(gates[3:])
    lstm.b.assign(bias + np.repeat([0, 1, 0, 0], 5))
    expected = []
    for x_t in x:
        output, state = lstm(x_t, state)
        expected.append(output)
    np.testing.assert_allclose(recurrent.run(core, p, x), tf.stack(expected), rtol=1e-5, atol=1e-6)


def _cross_entropy(logits, labels):
    return np.log(np.exp(logits).sum(-1)) - np.take_along_axis(logits, labels[..., np.newaxis], -1)[..., 0]


def test_gradients_of_a_loop_are_those_of_its_steps(monkeypatch):
    core = configs.core("gru")
    p = _parameters(recurrent.core_weights(core, 3))
    x = tf.random.stateless_normal([6, 2, 3], SEED)
    gradients = []
    for most_written_out in (32, 3):
        monkeypatch.setattr(recurrent, "_MOST_WRITTEN_OUT", most_written_out)
        with tf.GradientTape() as tape:
            tape.watch((p, x))
            total = tf.reduce_sum(tf.square(recurrent.run(core, p, x)))
        gradients.append(tf.nest.flatten(tape.gradient(total, (p, x))))
    for written_out, looped in zip(*gradients, strict=True):
        np.testing.assert_allclose(written_out, looped, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["vanilla", "gru", "lstm"])
def test_the_loss_of_a_language_model_is_that_of_a_step_by_hand(kind):
    problem = taskset.build(configs.get("word_rnn_language_model", core=configs.core(kind)))
    p = _parameters(problem._optimizee.weights)
    tokens, _ = problem.draw("train", SEED)
    values = {name: value.numpy().astype(float) for name, value in p.items()}
    start = [np.zeros([4, 5]) + values.get(f"initial_state/{name}", 0) for name in "hc"]
    outputs = _by_hand(kind, values, values["embedding"][tokens.numpy().T[:-1]], *start)
    errors = _cross_entropy(outputs @ values["linear/w"] + values["linear/b"], tokens.numpy().T[1:])
    np.testing.assert_allclose(problem.loss(p, (), SEED), errors.mean(), rtol=1e-4)


@pytest.mark.parametrize("readout", ["last", "mean", "max"])
def test_the_loss_of_a_text_classifier_is_that_of_a_step_by_hand(readout):
    problem = taskset.build(configs.get("rnn_text_classification", readout=readout))
    p = _parameters(problem._optimizee.weights)
    (tokens, labels), _ = problem.draw("train", SEED)
    values = {name: value.numpy().astype(float) for name, value in p.items()}
    start = np.zeros([4, 5]) + values["initial_state/h"]
    outputs = _by_hand("vanilla", values, values["embedding"][tokens.numpy().T], start, None)
    read = {"last": outputs[-1], "mean": outputs.mean(0), "max": outputs.max(0)}[readout]
    errors = _cross_entropy(read @ values["linear/w"] + values["linear/b"], labels.numpy())
    np.testing.assert_allclose(problem.loss(p, (), SEED), errors.mean(), rtol=1e-4)


@pytest.mark.parametrize("pool", ["mean", "max", "squared_mean"])
def test_what_is_pooled(pool):
    problem = taskset.build(configs.get("conv_pooling", pool=pool))
    p = _parameters(problem._optimizee.weights)
    (images, labels), _ = problem.draw("train", SEED)
    x = convolve(problem.config["convolutions"], p, images).numpy()
    pooled = {"mean": x.mean((1, 2)), "max": x.max((1, 2)), "squared_mean": (x**2).mean((1, 2))}[pool]
    errors = _cross_entropy(pooled @ p["linear/w"].numpy() + p["linear/b"].numpy(), labels.numpy())
    np.testing.assert_allclose(problem.loss(p, (), SEED), errors.mean(), rtol=1e-5)


@pytest.mark.parametrize("over_pixels", ["mean", "sum"])
@pytest.mark.parametrize(
    ("output", "loss"), [("tanh", "l2"), ("sigmoid", "l1"), ("linear_center", "l1"), ("linear", "l2")]
)
def test_the_errors_of_an_autoencoder(output, loss, over_pixels):
    problem = taskset.build(configs.get("mlp_ae", output=output, loss=loss, over_pixels=over_pixels))
    p = _parameters(problem._optimizee.weights)
    (images, _), _ = problem.draw("train", SEED)
    x = images.numpy().reshape(8, -1) * (2 if output in ("tanh", "linear_center") else 1)
    x -= 1 if output in ("tanh", "linear_center") else 0
    y = dense("mlp", 2, p, tf.constant(x), tf.tanh).numpy()
    y = {"tanh": np.tanh(y), "sigmoid": _sigmoid(y), "linear_center": y, "linear": y}[output]
    errors = np.abs(y - x) if loss == "l1" else (y - x) ** 2
    expected = getattr(np, over_pixels)(errors, 1).mean()
    np.testing.assert_allclose(problem.loss(p, (), SEED), expected, rtol=1e-5)
