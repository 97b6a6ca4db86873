"""from_keras takes what `model.compile` takes as a loss, and means what it means there."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import problems

L = keras.layers
MISFIT = r"^The loss does not fit the model's outputs, as compile would say: "
SEED = tf.constant([1, 2])
X = np.random.RandomState(0).randn(12, 4).astype("float32")
A, B = X.sum(1, keepdims=True), (X[:, :1] > 0).astype("float32")


def two_heads(outputs):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    shared = L.Dense(5, "tanh", kernel_regularizer="l2")(inputs)
    heads = [L.Dense(1, name=name)(shared) for name in ("a", "b")]
    return keras.Model(inputs, heads if outputs is list else dict(zip("ab", heads, strict=True)))


def ours(model, x, y, loss, **options):
    problem = problems.from_keras(model, (x, y), loss, validation_dataset=(x, y), redraw=False, batch_size=4, **options)
    return float(problem.held_out_loss(problem.initial_parameters((), SEED), (), "validation"))


def check(model, x, y, loss, weights):
    """Ours is Keras's, or Keras refuses, and so do we, in one line."""
    try:
        model.compile("sgd", loss, loss_weights=weights, run_eagerly=True)
        expected = model.evaluate(x, y, batch_size=12, verbose=0, return_dict=True)["loss"]
    except (KeyError, TypeError, ValueError):
        with pytest.raises(ValueError, match=MISFIT):
            ours(model, x, y, loss, loss_weights=weights)
        return None
    assert ours(model, x, y, loss, loss_weights=weights) == pytest.approx(expected, rel=1e-5)
    return expected


def own(y, output):
    return tf.reduce_mean((y - output) ** 4, -1)


def _said(value):
    """A name of a test without addresses, which differ from process to process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@pytest.mark.parametrize(
    ("outputs", "loss", "weights"),
    [
        (list, "mse", None),
        (dict, "mse", None),
        (list, keras.losses.Huber(0.1), None),
        (dict, keras.losses.mean_absolute_error, None),
        (list, ["mse", "mae"], None),
        (list, ["mse", own], [0.5, 2.0]),
        (list, {"a": "mse", "b": keras.losses.BinaryCrossentropy(from_logits=True)}, {"a": 0.5, "b": 2.0}),
        (dict, {"a": "mse", "b": "mae"}, None),
        (dict, {"a": "mse", "b": own}, {"a": 0.5, "b": 2.0}),
        (dict, {"a": "mse", "b": None}, None),
        (list, ["mse", None], None),
        (list, "mse", [0.25, 4.0]),
    ],
    ids=_said,
)
def test_several_outputs_mean_what_they_mean_in_compile(outputs, loss, weights):
    model = two_heads(outputs)
    y = [A, B] if outputs is list else {"a": A, "b": B}
    check(model, X, y, loss, weights)


def test_a_function_of_ones_own_is_given_all_outputs():
    def both(y, outputs):
        return 0.5 * tf.reduce_mean((outputs[0] - y[0]) ** 2) + 2.0 * tf.reduce_mean(tf.abs(outputs[1] - y[1]))

    model = two_heads(list)
    expected = ours(model, X, [A, B], ["mse", "mae"], loss_weights=[0.5, 2.0])
    assert ours(model, X, [A, B], both) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match=r"one function of the user's own is given all outputs. Received: .*\[1, 2\]"):
        ours(model, X, [A, B], both, loss_weights=[1, 2])
    # It may not take them for one tensor, which would be half of Keras's loss.
    with pytest.raises(TypeError, match=r"took their list for one tensor. .* loss=\[f, f\]"):
        ours(model, X, [A, B], lambda y, outputs: tf.reduce_mean(tf.square(outputs)))


ONE = [("mse", None), (["mse"], None), ({"only": "mse"}, None), ("mse", 0.5), ("mse", [3.0])]


@pytest.mark.parametrize(("loss", "weights"), ONE, ids=_said)
def test_one_output(loss, weights):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), L.Dense(1, name="only")])
    assert check(model, X, A, loss, weights) or isinstance(loss, dict)


def test_what_keras_masks_does_not_count():
    keras.utils.set_random_seed(0)
    words = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [1, 1, 2, 3]], "int32")
    layers = [L.Embedding(4, 3, mask_zero=True), L.SimpleRNN(2, return_sequences=True), L.Dense(1)]
    model = keras.Sequential([keras.Input((4,), dtype="int32"), *layers])
    y = np.arange(12, dtype="float32").reshape(3, 4, 1)
    expected = check(model, words, y, "mse", None)
    assert expected != pytest.approx(float(tf.reduce_mean((model(words) - y) ** 2)), rel=1e-3)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (["mse", "mae", "mse"], MISFIT),
        ({"a": "mse", "c": "mae"}, MISFIT),
        ("mze", "mze"),
        (None, "^from_keras needs a loss. Received: None.$"),
    ],
    ids=_said,
)
def test_losses_that_do_not_fit_are_one_error(loss, message):
    with pytest.raises(ValueError, match=message) as caught:
        ours(two_heads(list), X, [A, B], loss)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_the_gradient_is_keras_own():
    model = two_heads(dict)
    y = {"a": A, "b": B}
    loss, weights = {"a": "mse", "b": "mae"}, {"a": 0.5, "b": 2.0}
    one = (X[:1], {name: values[:1] for name, values in y.items()})
    problem = problems.from_keras(model, one, loss, redraw=False, loss_weights=weights)
    parameters = problem.initial_parameters((), SEED)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        value = problem.loss(parameters, (), SEED)
    gradients = tape.gradient(value, parameters)
    model.compile(keras.optimizers.SGD(1.0), loss, loss_weights=weights, run_eagerly=True)
    before = [variable.numpy() for variable in model.trainable_variables]
    model.train_on_batch(*one)
    for old, new, gradient in zip(before, model.trainable_variables, gradients.values(), strict=True):
        np.testing.assert_allclose(old - new.numpy(), gradient, rtol=1e-4, atol=1e-6)
