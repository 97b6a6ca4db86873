"""What callers of the original learning-to-learn code write. docs/from_learning_to_learn.md lists what moved."""

import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

import problems
from l2l_tf import MetaOptimizer, load, networks
from l2l_tf.commands import command_line
from l2l_tf.networks import Observation, catalogue, preprocess, weights_of
from l2l_tf.networks.classic import Adam

OLD = {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.75}
NEW = {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.75}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Adam(**OLD),
        lambda: networks.get("Adam", **OLD),
        lambda: MetaOptimizer(adam={"net": "Adam", "net_options": OLD}).networks["adam"],
    ],
    ids=["class", "get", "MetaOptimizer"],
)
def test_options_of_adam_by_their_old_names(make):
    with pytest.warns(FutureWarning) as caught:
        adam = make()
    (warning,) = caught
    assert str(warning.message) == (
        "Options of Adam by their names in the original code: beta_1 was beta1, beta_2 was beta2."
    )
    assert adam.options == Adam(**NEW).options


def test_the_warning_names_the_callers_line():
    with pytest.warns(FutureWarning) as caught:
        Adam(beta1=0.5)
    assert caught[0].filename == __file__


def test_an_option_by_both_of_its_names():
    for make in (Adam, lambda **options: networks.get("Adam", **options)):
        with pytest.raises(
            ValueError, match=r"^Adam takes an option once, by its name here: \['beta_1'\]\. Received: "
        ):
            make(beta1=0.5, beta_1=0.5)
    with pytest.raises(ValueError, match=r"^Adam: beta_1 is a number .* Received: beta_1=2\.$"):
        catalogue.check_values("Adam", {"beta1": 2})
    with pytest.raises(ValueError, match=r"it takes .*, not 'beta1'"):
        catalogue.check_options("RNNProp", {"beta1": 0.5})


def test_problems_by_their_old_names():
    with pytest.warns(
        FutureWarning, match=r"^The problem simple_multi_optimizer of the original code is 'simple-multi'"
    ):
        problem = problems.get("simple_multi_optimizer", num_dims=3)
    assert (problem.name, problem.options["num_dims"]) == ("simple-multi", 3)
    command_line.check_problem("simple_multi_optimizer", {"num_dims": 3}, None, False)
    parts = [{"name": "simple", "options": {}}, {"name": "simple_multi_optimizer", "options": {}}]
    with pytest.warns(FutureWarning, match=r"'simple-multi' here\.$"):
        ensemble = problems.get("ensemble", problems=parts)
    assert [part["name"] for part in ensemble.options["problems"]] == ["simple", "simple-multi"]


def test_weights_of_theirs_as_docs_convert_them():
    """Against their LSTM, written down from the equations of its paper and its code's order of gates."""
    text = (pathlib.Path(__file__).parents[2] / "docs" / "from_learning_to_learn.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    gates = {"w_gates": np.zeros([1 + 20, 80]), "b_gates": np.zeros([80])}
    functions = {"theirs": {"lstm_1": gates, "linear": {"w": np.zeros([20, 1]), "b": np.zeros([1])}}}
    exec(code, functions)
    rng = np.random.default_rng(0)
    saved = {
        "lstm_1": {"w_gates": rng.normal(size=[1 + 3, 12]), "b_gates": rng.normal(size=[12])},
        "linear": {"w": rng.normal(size=[3, 1]), "b": rng.normal(size=[1])},
    }
    initializer = functions["initializer_from"](saved)
    network = networks.get("CoordinateWiseDeepLSTM", layers=[3], dtype="float64", initializer=initializer)
    gradients = rng.normal(size=[2, 5, 1])
    state = network.initial_state({"x": tf.zeros([5])})
    hidden, cell = np.zeros([5, 3]), np.zeros([5, 3])

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    for gradient in gradients:
        update, state = network(Observation({"x": tf.constant(gradient[:, 0])}), state)
        gates = np.concatenate([gradient, hidden], 1) @ saved["lstm_1"]["w_gates"] + saved["lstm_1"]["b_gates"]
        i, j, f, o = np.split(gates, 4, axis=1)
        cell = sigmoid(f + 1) * cell + sigmoid(i) * np.tanh(j)
        hidden = sigmoid(o) * np.tanh(cell)
        expected = hidden @ saved["linear"]["w"] + saved["linear"]["b"]
        np.testing.assert_allclose(update["x"], expected[:, 0], rtol=1e-10)


@pytest.mark.parametrize("weights", [None, [], ()])
def test_an_ensemble_without_weights_is_a_sum(weights):
    ensemble = problems.get("ensemble", problems=[{"name": "simple"}] * 2, weights=weights)
    assert ensemble.options["weights"] == [1.0, 1.0]
    theta = {"problem_0/x": tf.constant(2.0), "problem_1/x": tf.constant(3.0)}
    assert ensemble.loss(theta, [(), ()], tf.constant([0, 0])).numpy() == 13


@pytest.mark.parametrize("name", catalogue.FUNCTIONS)
def test_a_preprocessor_by_the_name_of_a_function_of_tensorflow(name):
    x = tf.constant([[-2.0], [0.0], [0.5]])
    np.testing.assert_array_equal(preprocess.get(name)(x), getattr(tf, name)(x))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = preprocess.get(name)(x)
    assert np.all(np.isfinite(tape.gradient(y, x)))
    with pytest.raises(ValueError, match=rf"^The preprocessor {name} does not take these options: it takes \[\]\. Rec"):
        preprocess.get(name, k=5)


def test_a_network_with_such_a_preprocessor():
    options = {"layers": [], "initializer": "ones"}
    network = networks.get("CoordinateWiseDeepLSTM", preprocess_name="tanh", **options)
    plain = networks.get("CoordinateWiseDeepLSTM", **options)
    g = {"x": tf.constant([-1.0, 0.25])}
    updates, _ = network(Observation(g), network.initial_state(g))
    expected, _ = plain(Observation({"x": tf.tanh(g["x"])}), plain.initial_state(g))
    np.testing.assert_array_equal(updates["x"], expected["x"])


def test_save_gives_the_weights_and_writes_where_there_is_a_path(tmp_path):
    optimizer = MetaOptimizer(cw={"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": (3,)}})
    optimizer.meta_minimize(problems.get("simple"), 2)
    weights = optimizer.save()
    assert not list(tmp_path.iterdir())
    assert weights.keys() == {"cw"}
    for saved in (optimizer.save(tmp_path), {"cw": weights_of(load(tmp_path).networks["cw"])}):
        for name, value in weights_of(optimizer.networks["cw"]).items():
            np.testing.assert_array_equal(weights["cw"][name], value)
            np.testing.assert_array_equal(saved["cw"][name], value)
    # As an initializer, they make the network again: what the original code's `net_path` does with them.
    nested = {}
    for name, value in weights["cw"].items():
        layer, weight = name.split("/")
        nested.setdefault(layer, {})[weight] = value - (
            np.repeat([0, 1, 0, 0], 3) if weight == "b" and value.size == 12 else 0
        )
    again = networks.get("CoordinateWiseDeepLSTM", layers=[3], initializer=nested)
    for name, value in weights_of(again).items():
        np.testing.assert_allclose(value, weights["cw"][name], atol=1e-6)
