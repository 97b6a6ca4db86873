"""Problems from functions, Keras models and Sonnet modules."""

import keras
import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import problems
from tests.conformance.problems_table import points

SEED = tf.constant([5, -6])


def _cross_entropy(y, logits):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)


def _keras_model(*middle):
    return keras.Sequential([keras.layers.Input([4]), keras.layers.Dense(5), *middle, keras.layers.Dense(3)])


class Normalised(snt.Module):
    def __init__(self):
        super().__init__()
        self.a_last = snt.Linear(3)
        self.b_first = snt.Linear(5)
        self.norm = snt.BatchNorm(create_scale=True, create_offset=True)

    def __call__(self, x):
        return self.a_last(self.norm(self.b_first(x), is_training=True))


@pytest.mark.parametrize(
    "loss",
    [
        lambda p: p["x"] + 3,
        lambda p, instance: p["x"] + instance,
        lambda p, instance, seed: p["x"] + instance + 0 * tf.cast(seed[0], tf.float32),
        lambda p, instance, scale=1.0: scale * p["x"] + instance,
    ],
)
def test_function_takes_what_it_asks_for(loss):
    problem = problems.from_function(loss, {"x": 2.0}, sample=lambda seed: tf.constant(3.0))
    instance = problem.sample(SEED)
    assert float(problem.loss(problem.initial_parameters(instance, SEED), instance, SEED)) == 5.0


def test_function_of_another_form():
    with pytest.raises(
        ValueError, match=r"loss takes \(parameters\), .*\(parameters, instance, seed\). Received: \(\)"
    ):
        problems.from_function(lambda: 0, {"x": 1.0})
    with pytest.raises(ValueError, match=r"initial_parameters is a dictionary of arrays by name, .* Received: list"):
        problems.from_function(lambda p: p["x"], [1.0])


def test_keras_loss_is_the_models_own_and_leaves_it_alone():
    model = _keras_model(keras.layers.BatchNormalization())
    before = [v.numpy().copy() for v in model.variables]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    problem = problems.from_keras(model, points(), loss, validation_dataset=points(), redraw=False)
    parameters = problem.initial_parameters((), SEED)
    assert list(parameters) == [v.path for v in model.trainable_variables]
    x, y = points()
    received = problem.held_out_loss(parameters, (), "validation")
    problem.loss(parameters, (), SEED)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    np.testing.assert_allclose(received, loss(y, model(x, training=True)), rtol=1e-5)


def test_keras_redraws_random_weights_and_keeps_the_others():
    model = _keras_model()
    model.layers[0].bias.assign(np.ones(5))
    problem = problems.from_keras(model, points(), "mse")
    one, two = problem.initial_parameters((), SEED), problem.initial_parameters((), SEED + 1)
    kernel, bias = (v.path for v in model.layers[0].trainable_variables)
    assert not np.allclose(one[kernel], two[kernel])
    np.testing.assert_array_equal(one[bias], np.ones(5))
    # Glorot's uniform distribution, limit sqrt(6 / (4 + 5)).
    draws = np.stack([problem.initial_parameters((), [0, i])[kernel] for i in range(50)])
    assert 0.95 * np.sqrt(6 / 9) < np.abs(draws).max() <= np.sqrt(6 / 9)


def test_keras_dropout_follows_the_seed():
    model = keras.Sequential([keras.layers.Input([4]), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    one_row = (np.ones([1, 4], np.float32), np.zeros([1, 1], np.float32))
    problem = problems.from_keras(model, one_row, "mse", batch_size=1)
    parameters = problem.initial_parameters((), SEED)
    losses = [float(problem.loss(parameters, (), tf.constant([0, i]))) for i in range(8)]
    assert len(set(losses)) > 1
    assert losses == [float(problem.loss(parameters, (), tf.constant([0, i]))) for i in range(8)]


def test_keras_validation_has_no_dropout_though_a_layer_is_frozen():
    frozen = keras.layers.Dense(4)
    model = keras.Sequential([keras.layers.Input([4]), frozen, keras.layers.Dropout(0.5), keras.layers.Dense(3)])
    frozen.trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    problem = problems.from_keras(model, points(), loss, validation_dataset=points(), redraw=False)
    x, y = points()
    received = problem.held_out_loss(problem.initial_parameters((), SEED), (), "validation")
    np.testing.assert_allclose(received, loss(y, model(x, training=False)), rtol=1e-5)


def test_keras_models_that_cannot_be_used():
    with pytest.raises(ValueError, match=r"from_keras takes a built model with weights: .* Received: 'unbuilt'"):
        problems.from_keras(keras.Sequential([keras.layers.Dense(3)], name="unbuilt"), points(), "mse")

    class Raw(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="raw")
            self.factor = tf.Variable(2.0)

        def call(self, x):
            return self.factor * x

    with pytest.raises(ValueError, match=r"The layer 'raw' keeps a tf.Variable .* Received: the attribute 'factor'"):
        problems.from_keras(_keras_model(Raw()), points(), "mse")


def test_sonnet_loss_is_the_modules_own_and_leaves_it_alone():
    built = []

    def build():
        built.append(Normalised())
        return built[-1]

    problem = problems.from_sonnet(build, points(), _cross_entropy, validation_dataset=points())
    module = built[0]
    before = [v.numpy() for v in module.variables]
    parameters = problem.initial_parameters((), SEED)
    # In the order of creation, which is not that of the attributes' names.
    assert [x.shape for x in parameters.values()] == [[4, 5], [5], [5], [5], [5, 3], [3]]
    received = problem.held_out_loss(parameters, (), "validation")
    problem.loss(parameters, (), SEED)
    for variable, value in zip(module.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)

    variables = [module.b_first.w, module.b_first.b, module.norm.scale, module.norm.offset]
    for variable, value in zip([*variables, module.a_last.w, module.a_last.b], parameters.values(), strict=True):
        variable.assign(tf.reshape(value, variable.shape))
    x, y = points()
    np.testing.assert_allclose(received, tf.reduce_mean(_cross_entropy(y, module(x))), rtol=1e-5)


def test_sonnet_draws_are_new_by_the_seed_and_the_same_in_another_build():
    one, two = (problems.from_sonnet(lambda: snt.Linear(3), points(), _cross_entropy) for _ in range(2))
    w = one.initial_parameters((), SEED)["linear/w"]
    np.testing.assert_array_equal(w, two.initial_parameters((), SEED)["linear/w"])
    assert not np.allclose(w, one.initial_parameters((), SEED + 1)["linear/w"])
    # A truncated normal of standard deviation 1 / sqrt(4), cut at two of them.
    assert 0.2 < np.std(w) < 0.7
    assert np.abs(w).max() <= 1.0


def test_sonnet_module_without_weights():
    with pytest.raises(ValueError, match=r"from_sonnet takes a module with trainable variables. Received: 'flatten'"):
        problems.from_sonnet(snt.Flatten, points(), _cross_entropy)


def test_a_tf_data_dataset_is_the_same_as_arrays():
    batches = tf.data.Dataset.from_tensor_slices(points()).batch(7)
    one, two = (problems.from_sonnet(lambda: snt.Linear(3), data, _cross_entropy) for data in (points(), batches))
    parameters = one.initial_parameters((), SEED)
    assert float(one.loss(parameters, (), SEED)) == float(two.loss(parameters, (), SEED))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (tf.data.Dataset.from_tensor_slices(points()).batch(7).repeat(), "so it must be finite"),
        (tf.data.Dataset.from_tensor_slices(points()).batch(7).take(0), "not empty"),
        (points()[0], r"A dataset is a pair of arrays \(x, y\)"),
        ((points()[0], points()[1][:5]), r"x and y need the same number of rows, at least 1. Received: \[5, 20\]"),
    ],
)
def test_datasets_that_cannot_be_used(dataset, message):
    with pytest.raises(ValueError, match=message):
        problems.from_keras(_keras_model(), dataset, "mse")


def test_a_default_in_place_of_the_instance_is_refused():
    with pytest.raises(
        ValueError, match=r"There is a sample, and loss has a default .* Received: \(p, instance=None\)"
    ):
        problems.from_function(lambda p, instance=None: p["x"], {"x": 1.0}, sample=lambda seed: 2.0)
    problem = problems.from_function(lambda p, *, scale=3.0: scale * p["x"], lambda seed: {"x": 1.0}, lambda seed: ())
    assert float(problem.loss(problem.initial_parameters((), SEED), (), SEED)) == 3.0
