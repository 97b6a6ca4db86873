"""The functions of losg and the quadratics, against their formulas in NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf

from problems import taskset
from problems.taskset.families import quadratic
from problems.taskset.families.losg_test_functions import FUNCTIONS
from problems.taskset.samplers import losg
from tests.problems.taskset import configs

SEED = tf.constant([3, 4])


def _build(kind, seed=4, **parameters):
    return taskset.build({"family": "losg", "kind": kind, "seed": seed, "parameters": parameters})


def _function(problem):
    return problem._optimizee._function


def _value_and_gradient(problem, x, seed=SEED):
    x = {name: tf.constant(value, tf.float32) for name, value in x.items()}
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = problem.loss(x, (), seed)
    return float(loss), {name: np.array(value) for name, value in tape.gradient(loss, x).items()}


def _data(problem, seed=SEED):
    drawn = problem.draw("train", seed)[1]["function"]
    return drawn if isinstance(drawn, tuple) else drawn.numpy().astype(float)


def test_least_squares():
    problem = _build("quadratic", dims=10)
    w, y = _function(problem)._w.numpy(), _function(problem)._y.numpy()
    x = np.linspace(-1, 1, 10)
    residual = w.astype(float) @ x - y
    loss, gradient = _value_and_gradient(problem, {"x": x})
    assert loss == pytest.approx(0.5 * residual @ residual, rel=1e-5)
    np.testing.assert_allclose(gradient["x"], w.T @ residual, rtol=1e-4, atol=1e-4)
    assert abs(np.std(w) - 1) < 0.25 and abs(np.mean(w)) < 0.4


@pytest.mark.parametrize("angle", losg.ANGLES)
def test_a_bowl(angle):
    problem = _build("bowl", condition=25.0, angle=angle)
    x = np.array([0.3, -2.0])
    turned = np.array([x[0] * np.cos(angle) - x[1] * np.sin(angle), x[0] * np.sin(angle) + x[1] * np.cos(angle)])
    assert _value_and_gradient(problem, {"x": x})[0] == pytest.approx(
        0.5 * (25 * turned[0] ** 2 + turned[1] ** 2), rel=1e-5
    )


@pytest.mark.parametrize("power", [0.5, 1.0, 4.0])
def test_a_norm(power):
    problem = _build("norm", dims=5, power=power)
    x = np.linspace(-1, 1, 5)
    residual = np.abs(_function(problem)._w.numpy().astype(float) @ x - _function(problem)._y.numpy()) + 1e-6
    expected = np.sum(residual**power) ** (1 / power)
    assert _value_and_gradient(problem, {"x": x})[0] == pytest.approx(expected, rel=1e-4)


def test_a_dependency_chain():
    x = np.array([0.5, -1.0, 2.0, 0.3])
    expected = sum(x[0] ** 2 + x[i] ** 2 / (x[i - 1] ** 2 + 1e-6) for i in range(1, 4))
    problem = _build("dependency_chain", dims=3)
    assert problem.initial_parameters((), SEED)["x"].shape == [4]
    assert _value_and_gradient(problem, {"x": x})[0] == pytest.approx(expected, rel=1e-5)


def test_a_well():
    x = np.array([0.5, -1.0, 2.0, -0.3])
    expected = 2.0**2 + 1 / 0.3**2 - 2
    assert _value_and_gradient(_build("min_max_well", dims=4), {"x": x})[0] == pytest.approx(expected, rel=1e-5)


def test_the_outward_snake():
    problem = _build("outward_snake", dims=4, batch_size=3, samples=100)
    x, d = np.array([0.5, -1.0, 2.0, -0.3]), _data(problem)
    assert d.shape == (3, 4)
    expected = d[:, 0].sum() / (np.linalg.norm(x) + 1e-6)
    expected += sum(((x[i + 1] - np.pi * np.cos(x[i])) * d[b, i + 1]) ** 2 for b in range(3) for i in range(3))
    assert _value_and_gradient(problem, {"x": x})[0] == pytest.approx(expected, rel=1e-5)


def test_quadratics_of_data():
    x = np.array([0.5, -1.0, 2.0])
    problem = _build("sum_of_quadratics", dims=3, batch_size=5, samples=20)
    d = _data(problem)
    assert _value_and_gradient(problem, {"x": x})[0] == pytest.approx(((x - d) ** 2).sum() - (d**2).sum(), rel=1e-4)
    everything = _function(problem)._minibatches._arrays.numpy()
    assert everything.shape == (20, 3)
    np.testing.assert_allclose(everything.sum(0), 0, atol=1e-5)
    problem = _build("projection_quadratic", dims=3, batch_size=5, samples=20)
    assert _value_and_gradient(problem, {"x": x})[0] == pytest.approx(((x * _data(problem)) ** 2).sum(), rel=1e-4)


_MINIMA = {
    "ackley": ((0.0, 0.0), 0.0),
    "beale": ((3.0, 0.5), 0.0),
    "branin": ((math.pi, 2.275), 0.397887),
    "matyas": ((0.0, 0.0), 0.0),
    "rosenbrock": ((1.0, 1.0), 0.0),
    "styblinski_tang": ((-2.903534, -2.903534), 80 - 78.332331),
}


@pytest.mark.parametrize("name", _MINIMA)
def test_known_minima(name):
    where, value = _MINIMA[name]
    loss, gradient = _value_and_gradient(_build("optimization_test", function=name), {"x": where})
    assert loss == pytest.approx(value, abs=1e-4)
    np.testing.assert_allclose(gradient["x"], 0, atol=2e-3)


def test_functions_elsewhere():
    x, y = 1.5, -0.5
    expected = {
        "ackley": -20 * np.exp(-0.2 * np.sqrt((x * x + y * y) / 2)) - np.exp(-1.0) + np.e + 20,
        "beale": (1.5 - x + x * y) ** 2 + (2.25 - x + x * y * y) ** 2 + (2.625 - x + x * y**3) ** 2,
        "branin": (y - 5.1 / (4 * np.pi**2) * x * x + 5 / np.pi * x - 6) ** 2
        + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x)
        + 10,
        "log_sum_exp": np.log(np.exp(x + 3 * y - 0.1) + np.exp(x - 3 * y - 0.1) + np.exp(-x - 0.1) + 1),
        "matyas": 0.26 * (x * x + y * y) - 0.48 * x * y,
        "michalewicz": 2 - sum(np.sin(v) * np.sin(i * v * v / np.pi) ** 10 for i, v in ((1, x), (2, y))),
        "rosenbrock": 100 * (y - x * x) ** 2 + (1 - x) ** 2,
        "styblinski_tang": 0.5 * sum(v**4 - 16 * v**2 + 5 * v for v in (x, y)) + 80,
    }
    assert set(FUNCTIONS) == set(expected) == set(losg.TEST_FUNCTIONS)
    for name, value in expected.items():
        problem = _build("optimization_test", function=name)
        assert float(problem.loss({"x": tf.constant([x, y])}, (), SEED)) == pytest.approx(value, rel=1e-5), name


def test_where_the_functions_start():
    starts = np.array(
        [_build("optimization_test", function="branin").initial_parameters((), SEED + i)["x"] for i in range(200)]
    )
    low, high = starts.min(0), starts.max(0)
    assert -5 <= low[0] < -4 and 9 < high[0] <= 10 and 0 <= low[1] < 1 and 14 < high[1] <= 15


def _network_loss(p, logits, labels):
    errors = np.log(1 + np.exp(logits)) - labels * logits
    return errors.mean() + 1e-3 * np.mean([(value.astype(float) ** 2).sum() for value in p.values()])


def test_the_regression_of_bits():
    problem = _build("sparse_softmax_regression", embedding=3, batch_size=6, samples=30)
    p = {name: value.numpy() for name, value in problem.initial_parameters((), SEED).items()}
    rows, labels = (array.numpy() for array in _data(problem))
    assert rows.shape == (6, 5) and set((rows - 2 * np.arange(5)).ravel()) == {0, 1}
    logits = (p["embedding"][rows].sum(1) @ p["linear/w"] + p["linear/b"])[:, 0]
    assert _value_and_gradient(problem, p)[0] == pytest.approx(_network_loss(p, logits, labels), rel=1e-4)
    large = _build("sparse_softmax_regression", embedding=3, batch_size=1, samples=4_000)
    rows, labels = (array.numpy() for array in _function(large)._minibatches._arrays)
    assert np.mean(rows.sum(1) % 2 != labels) == pytest.approx(0.25, abs=0.03)  # 2 (0 + ... + 4) is even.


def test_the_fully_connected():
    problem = _build("fully_connected", hidden=[4, 3], activation="tanh", features=5, batch_size=7, samples=20)
    p = {name: value.numpy() for name, value in problem.initial_parameters((), SEED).items()}
    inputs, labels = (array.numpy() for array in _data(problem))
    x = inputs
    for i in range(2):
        x = np.tanh(x @ p[f"mlp/linear_{i}/w"] + p[f"mlp/linear_{i}/b"])
    logits = (x @ p["mlp/linear_2/w"] + p["mlp/linear_2/b"])[:, 0]
    assert _value_and_gradient(problem, p)[0] == pytest.approx(_network_loss(p, logits, labels), rel=1e-4)
    wide = _build("fully_connected", hidden=[300], activation="tanh", features=16, batch_size=1, samples=2)
    start = wide.initial_parameters((), SEED)
    assert np.std(start["mlp/linear_0/w"]) == pytest.approx(1.2 / 4, rel=0.05)
    assert np.std(start["mlp/linear_0/b"]) == pytest.approx(1.2 / math.sqrt(300), rel=0.15)


def test_gradient_noise_leaves_the_value():
    x = {"x": np.linspace(-1, 1, 400)}
    plain, noisy = _build("min_max_well", dims=400), _build("min_max_well", dims=400, gradient_noise=0.5)
    value, gradient = _value_and_gradient(plain, x)
    noisy_value, noisy_gradient = _value_and_gradient(noisy, x)
    assert noisy_value == value
    noise = noisy_gradient["x"] - gradient["x"]
    assert np.std(noise) == pytest.approx(0.5, rel=0.1)
    assert np.any(_value_and_gradient(noisy, x, SEED + 1)[1]["x"] != noisy_gradient["x"])


def test_sparse_gradients():
    x = {"x": np.linspace(-1, 1, 400)}
    base = {"kind": "quadratic", "parameters": {"dims": 400}}
    value, gradient = _value_and_gradient(_build("quadratic", dims=400), x)
    sparse_value, sparse = _value_and_gradient(_build("sparse_problems", base=base, zeros=0.9, gradient_noise=None), x)
    assert sparse_value == value
    kept = sparse["x"] != 0
    assert np.mean(kept) == pytest.approx(0.1, abs=0.05)
    np.testing.assert_allclose(sparse["x"][kept], gradient["x"][kept], rtol=1e-5)
    noisy = _value_and_gradient(_build("sparse_problems", base=base, zeros=0.9, gradient_noise=2.0), x)[1]
    np.testing.assert_array_equal(noisy["x"] != 0, kept)
    assert np.std((noisy["x"] - gradient["x"])[kept]) == pytest.approx(2, rel=0.35)


def test_rescaled():
    base = {"kind": "quadratic", "parameters": {"dims": 10}}
    plain, scaled = _build("quadratic", dims=10), _build("rescale_problems", base=base, scale=50.0)
    start = plain.initial_parameters((), SEED)["x"]
    np.testing.assert_allclose(scaled.initial_parameters((), SEED)["x"], 50 * start, rtol=1e-6)
    x = np.linspace(-1, 1, 10)
    value, gradient = _value_and_gradient(plain, {"x": x})
    scaled_value, scaled_gradient = _value_and_gradient(scaled, {"x": 50 * x})
    assert scaled_value == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(scaled_gradient["x"], gradient["x"] / 50, rtol=1e-4)


def test_the_logarithm():
    base = {"kind": "quadratic", "parameters": {"dims": 10}}
    x = {"x": np.linspace(-1, 1, 10)}
    value = _value_and_gradient(_build("quadratic", dims=10), x)[0]
    logarithm = _value_and_gradient(_build("log_objective", base=base), x)[0]
    assert logarithm == pytest.approx(np.log(value + 1e-6) - np.log(1e-6), rel=1e-5)


def test_the_seed_reaches_all_data():
    for kind, parameters in (
        ("outward_snake", {"dims": 4, "batch_size": 3, "samples": 100}),
        (
            "sparse_problems",
            {"base": {"kind": "norm", "parameters": {"dims": 4, "power": 2.0}}, "zeros": 0.9, "gradient_noise": None},
        ),
    ):
        x = {"x": np.linspace(-1, 1, 4)}
        value, again, other = (_value_and_gradient(_build(kind, seed, **parameters), x)[0] for seed in (1, 1, 2))
        assert value == again != other


@pytest.mark.parametrize("kind", ["normal", "uniform", "linear_eigenvalues", "geometric_eigenvalues"])
def test_the_matrices_of_quadratics(kind):
    spread = {"mean": 0.4, "stddev": 0.2} if kind == "normal" else {"low": 0.5, "high": 3.0}
    matrix = {"kind": kind, **spread}
    for source in (
        {"matrix": matrix, "noise": None},
        {"matrix": configs.CONFIGS["quadratic"]["matrix"], "noise": matrix},
    ):
        problem = taskset.build(configs.get("quadratic", dims=60, **source))
        a = problem._optimizee._matrix if source["noise"] is None else problem.draw("train", SEED)[1]
        a = a.numpy().astype(float)
        if kind == "normal":
            assert np.mean(a) == pytest.approx(0.4, abs=0.02) and np.std(a) == pytest.approx(0.2, rel=0.05)
        elif kind == "uniform":
            assert a.min() == pytest.approx(0.5, abs=0.01) and a.max() == pytest.approx(3, abs=0.01)
        else:
            np.testing.assert_allclose(a, a.T, atol=1e-5)
            spaced = np.linspace if kind.startswith("linear") else np.geomspace
            np.testing.assert_allclose(np.linalg.eigvalsh(a), spaced(0.5, 3, 60), rtol=1e-4)


def test_eigenvalues_of_one_dimension():
    assert quadratic.eigenvalues({"kind": "geometric_eigenvalues", "low": 1e-5, "high": 2.0}, 2) == pytest.approx(
        [1e-5, 2]
    )


@pytest.mark.parametrize("output", ["identity", "log"])
def test_the_loss_of_a_quadratic(output):
    problem = taskset.build(configs.get("quadratic", output=output))
    x = np.array([0.5, -1.0, 2.0, 0.1])
    noise = problem.draw("train", SEED)[1].numpy()
    product = (problem._optimizee._matrix.numpy().astype(float) + noise) @ x
    square = product @ product
    expected = 0.5 * (square if output == "identity" else np.log(square + 1e-8))
    assert float(problem.loss({"x": tf.constant(x, tf.float32)}, (), SEED)) == pytest.approx(expected, rel=1e-5)
    other = problem.loss({"x": tf.constant(x, tf.float32)}, (), SEED + 1)
    assert float(other) != pytest.approx(expected, rel=1e-5)


def test_the_starts_of_quadratics():
    matrix = {"kind": "normal", "mean": 0.0, "stddev": 1.0}
    uniform = taskset.build(
        configs.get("quadratic", dims=500, matrix=matrix, start={"kind": "uniform", "low": -2.0, "high": 1.0})
    )
    x = uniform.initial_parameters((), SEED)["x"].numpy()
    assert -2 <= x.min() < -1.9 and 0.9 < x.max() < 1
    normal = taskset.build(configs.get("quadratic", dims=500, matrix=matrix))
    x = normal.initial_parameters((), SEED)["x"].numpy()
    assert np.mean(x) == pytest.approx(1, abs=0.1) and np.std(x) == pytest.approx(0.5, rel=0.1)
