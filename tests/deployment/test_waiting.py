"""Coordinates that have had no gradient yet keep their value and state, exactly, and begin with their first."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import LearnedOptimizer, export_saved_model, networks, pretrained
from l2l_tf.deployment import waiting

RULES = {
    "blocks": lambda: networks.get("CoordinateWiseDeepLSTM", layers=[4, 3], scale=0.1, initializer="glorot_normal"),
    "whole": lambda: networks.get("CoordinateWiseDeepLSTM", layers=[4], dtype="float64", initializer="glorot_normal"),
    "averages": lambda: networks.get("GlobalAveragingLSTM", layers=[4], global_cells=2, initializer="glorot_normal"),
    "slots": lambda: networks.get("PerParameterMLP", layers=[3], initializer="glorot_normal"),
    "rows and columns": lambda: networks.get("AdafactorMLP", layers=[3], initializer="glorot_normal"),
    "tensors": lambda: networks.get("HierarchicalLSTM", layers=[3], losses=[], initializer="glorot_normal"),
    "bfloat16": lambda: networks.get("CoordinateWiseDeepLSTM", layers=[4], initializer="glorot_normal"),
}


def optimizer_for(rule, variables):
    options = {"state_dtype": "bfloat16"} if rule == "bfloat16" else {}
    if rule == "cifar":  # Of two networks.
        options["net_assignments"] = [("conv", ["seen"]), ("fc", ["other"])]
    optimizer = LearnedOptimizer(RULES[rule]() if rule in RULES else rule, **options)
    optimizer.build(variables)
    return optimizer


def variables_like_embeddings():
    generator = np.random.default_rng(0)
    return [
        tf.Variable(generator.normal(size=(5, 3)).astype(np.float32), name="seen"),
        tf.Variable(generator.normal(size=(4,)).astype(np.float32), name="other"),
    ]


def sparse(step):
    """Row 1 never has a gradient, row 2 from step 3 on, row 3 in step 0 alone."""
    generator = np.random.default_rng(step + 1)
    rows, other = generator.normal(size=(5, 3)).astype(np.float32), generator.normal(size=4).astype(np.float32)
    rows[1] = 0
    rows[2] *= step >= 3
    rows[3] *= step == 0
    other[2] = 0
    return [tf.constant(rows), tf.constant(other)]


@pytest.mark.parametrize(
    ("rule", "in_function"),
    [*((rule, False) for rule in (*RULES, *pretrained.names())), ("blocks", True), ("slots", True)],
)
def test_a_coordinate_without_a_gradient_so_far_keeps_its_value_exactly(rule, in_function):
    variables = variables_like_embeddings()
    before = [v.numpy() for v in variables]
    optimizer = optimizer_for(rule, variables)
    apply = tf.function(optimizer.apply) if in_function else optimizer.apply
    for step in range(3):
        apply(sparse(step), variables)
    rows, other = (v.numpy() for v in variables)
    np.testing.assert_array_equal(rows[[1, 2]], before[0][[1, 2]])
    assert other[2] == before[1][2]
    assert np.all(rows[[0, 4]] != before[0][[0, 4]])
    assert np.all(np.delete(other, 2) != np.delete(before[1], 2))
    for step in range(3, 6):
        apply(sparse(step), variables)
    rows = variables[0].numpy()
    np.testing.assert_array_equal(rows[1], before[0][1])
    assert np.all(rows[2] != before[0][2])


@pytest.mark.parametrize("rule", list(RULES))
def test_who_had_a_gradient_once_moves_on_without(rule):
    variables = variables_like_embeddings()
    optimizer = optimizer_for(rule, variables)
    optimizer.apply(sparse(0), variables)
    after_one = variables[0].numpy()
    optimizer.apply(sparse(1), variables)
    assert np.all(variables[0].numpy()[3] != after_one[3])


@pytest.mark.parametrize("rule", ["blocks", "whole", "mnist", "mnist_momentum", "quadratic"])
def test_its_first_gradient_is_the_first_step_of_its_own(rule):
    """Where nothing but gradients and a coordinate's own state are seen, as if it had not been there before."""
    late, fresh = tf.Variable([0.0, 0.0]), tf.Variable([0.0])
    optimizer, other = optimizer_for(rule, [late]), optimizer_for(rule, [fresh])
    for gradients in ([1.0, 0.0], [-2.0, 0.0], [0.5, 0.25], [0.5, -0.5]):
        optimizer.apply([tf.constant(gradients)], [late])
    for gradient in (0.25, -0.5):
        other.apply([tf.constant([gradient])], [fresh])
    np.testing.assert_allclose(late.numpy()[1], fresh.numpy()[0], rtol=1e-6)


@pytest.mark.parametrize("rule", ["mnist", "mnist_per_parameter", "quadratic"])
def test_rows_of_an_embedding_that_no_minibatch_shows(rule):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,), dtype="int32"), keras.layers.Embedding(7, 3), keras.layers.Flatten()])
    model.add(keras.layers.Dense(1))
    model.compile(LearnedOptimizer(rule), "mse")
    before = model.layers[0].get_weights()[0]
    model.fit(np.array([[0, 2], [2, 5]]), np.ones([2, 1]), epochs=4, verbose=0)
    after = model.layers[0].get_weights()[0]
    moved = np.any(after != before, axis=1)
    assert moved.tolist() == [True, False, True, False, False, True, False]


@pytest.mark.parametrize("rule", ["mnist", "quadratic"])
def test_what_is_exported_waits_as_well(rule, tmp_path):
    export_saved_model(rule, tmp_path / "exported")
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    variable = tf.Variable([0.0, 0.0])
    optimizer = optimizer_for(rule, [variable])
    theta, state = np.zeros(2, np.float32), exported.initial_state(2)
    for step, gradients in enumerate(([1.0, 0.0], [-2.0, 0.0], [0.5, 0.25], [0.5, 0.0])):
        optimizer.apply([tf.constant(gradients)], [variable])
        update, state = exported.update(tf.constant(gradients), state)
        theta += update.numpy()
        assert (theta[1] == 0) == (step < 2)
        np.testing.assert_allclose(theta, variable.numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("rule", ["mnist_adafactor", "mnist_momentum"])
def test_an_export_for_shapes_waits_as_well(rule, tmp_path):
    export_saved_model(rule, tmp_path / "exported", {"seen": (5, 3), "other": (4,)})
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    variables = variables_like_embeddings()
    optimizer = optimizer_for(rule, variables)
    theta = np.concatenate([v.numpy().ravel() for v in variables])
    before, state = theta.copy(), exported.initial_state(19)
    for step in range(4):
        gradients = sparse(step)
        flat = tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)
        seen = (tf.constant(theta), tf.constant(float(step))) if rule == "mnist_adafactor" else ()
        update, state = exported.update(flat, state, *seen)
        theta += update.numpy()
        optimizer.apply(gradients, variables)
        np.testing.assert_allclose(theta, np.concatenate([v.numpy().ravel() for v in variables]), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(theta[3:6], before[3:6])
    assert theta[17] == before[17]


def test_a_state_kept_from_before_goes_on():
    """One in which a coordinate without gradients has moved on, as earlier versions had it: it is awake."""
    variables = [tf.Variable([0.0, 0.0])]
    optimizer = optimizer_for("blocks", variables)
    optimizer.apply([tf.constant([1.0, 1.0])], variables)
    before = variables[0].numpy()
    optimizer.apply([tf.constant([1.0, 0.0])], variables)
    assert np.all(variables[0].numpy() != before)


def test_awake():
    gradient = tf.constant([[0.0, 2.0], [-0.0, 0.0]])
    assert waiting.awake(gradient, []).numpy().tolist() == [[True, True], [True, True]]
    moment = tf.constant([[0.0, 0.0], [1e-30, 0.0]])
    cells = tf.constant([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, -3.0]]])
    assert waiting.awake(gradient, [moment]).numpy().tolist() == [[False, True], [True, False]]
    assert waiting.awake(gradient, [moment, cells]).numpy().tolist() == [[False, True], [True, True]]
    assert waiting.awake(gradient, [tf.zeros([2, 2])]).numpy().tolist() == [[False, True], [False, False]]
    scalar = waiting.awake(tf.constant(0.0), [tf.constant([0.0, 1.0])])
    assert scalar.shape == () and bool(scalar)


def test_rows_awake():
    gradients = tf.constant([[0.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    state = tf.constant([[0.0, 0.0, 1e-30]])
    assert waiting.rows_awake(gradients, [state]).numpy().tolist() == [[False, True, True]]
    assert waiting.rows_awake(gradients, [tf.zeros([4, 3])]).numpy().tolist() == [[False, True, False]]
    assert waiting.rows_awake(gradients, []).numpy().tolist() == [[True, True, True]]


class Restless(networks.Network):
    """u = 1, and a count of steps for each coordinate."""

    waits = False

    def __init__(self):
        super().__init__({})

    def initial_state(self, parameters):
        return {name: tf.zeros(p.shape) for name, p in parameters.items()}

    def __call__(self, observation, state):
        return {name: tf.ones_like(g) for name, g in observation.gradients.items()}, {
            name: h + 1 for name, h in state.items()
        }


@pytest.mark.parametrize(("waits", "moved"), [(False, [2.0, 2.0]), (True, [2.0, 0.0])])
def test_a_rule_of_ones_own_may_choose_not_to_wait(waits, moved):
    rule, variable = Restless(), tf.Variable([0.0, 0.0])
    rule.waits = waits
    optimizer = LearnedOptimizer(rule)
    for _ in range(2):
        optimizer.apply([tf.constant([1.0, 0.0])], [variable])
    np.testing.assert_array_equal(variable, moved)


def test_a_rule_that_keeps_nothing_cannot_tell():
    linear, variable = networks.get("CoordinateWiseDeepLSTM", layers=[], initializer="ones"), tf.Variable([0.0])
    LearnedOptimizer(linear).apply([tf.constant([0.0])], [variable])
    assert variable.numpy() == 1.0  # Its bias.
