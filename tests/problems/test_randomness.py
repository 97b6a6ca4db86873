"""Random operations inside of models: by the step's seed, or refused."""

import keras
import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import problems
from problems import calling, randomness
from problems.user_code import UserCodeError

L = keras.layers
SEEDS = [tf.constant([1, i]) for i in range(3)]
X = np.random.RandomState(0).rand(4, 6).astype("float32")


def losses(problem, parameters=None):
    """The loss by three seeds, compiled, and with its gradient as a training takes it."""
    parameters = parameters or problem.initial_parameters((), SEEDS[0])

    @tf.function(autograph=False)
    def loss(parameters, seed):
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            value = calling.call(problem.loss, parameters, (), seed)
        tape.gradient(value, parameters)
        return value

    return [float(loss(parameters, seed)) for seed in SEEDS]


class Noisy(snt.Module):
    def __init__(self, noise):
        super().__init__()
        self.noise, self.hidden, self.out = noise, snt.Linear(5), snt.Linear(1)

    def __call__(self, x):
        return self.out(self.noise(self.hidden(x)))


def of_sonnet(noise, **options):
    one = (X[:1], X[:1, :1])
    return problems.from_sonnet(lambda: Noisy(noise), one, lambda y, z: (y - z) ** 2, batch_size=1, **options)


NOISE = {
    "dropout": lambda h: snt.Dropout(0.5)(h, is_training=True),
    "nn": lambda h: tf.nn.dropout(h, 0.5),
    "normal": lambda h: h + tf.random.normal(h.shape),
    "truncated": lambda h: h + tf.random.truncated_normal(h.shape),
    "whole": lambda h: h * tf.cast(tf.random.uniform(h.shape, 0, 5, tf.int32), tf.float32),
    "shuffled": lambda h: tf.random.shuffle(h[0])[tf.newaxis],
    "categorical": lambda h: h * tf.cast(tf.random.categorical(h, 5), tf.float32),
    "two": lambda h: tf.random.normal(h.shape) - tf.random.normal(h.shape) + 0 * h,
}


@pytest.mark.parametrize("kind", NOISE)
def test_a_sonnet_modules_random_operations_follow_the_seed(kind):
    one, other = of_sonnet(NOISE[kind]), of_sonnet(NOISE[kind])
    received = losses(one)
    assert received == losses(other)
    assert len(set(received)) == 3
    parameters = one.initial_parameters((), SEEDS[0])
    np.testing.assert_allclose([one.loss(parameters, (), seed) for seed in SEEDS], received, rtol=1e-5)  # Eagerly too.


def test_a_call_may_take_the_seed():
    def call(module, x, seed):
        return module(x) + tf.random.stateless_normal([], seed)

    received = losses(of_sonnet(tf.identity, call=call))
    assert len(set(received)) == 3


@pytest.mark.parametrize(
    "noise",
    [
        tf.function(lambda h: tf.nn.dropout(h, 0.5)),
        lambda h: tf.while_loop(lambda i, _: i < 2, lambda i, h: (i + 1, tf.nn.dropout(h, 0.5)), (0, h))[1],
        lambda h: h + tf.random.gamma([5], 1.0),
    ],
    ids=["function", "loop", "gamma"],
)
def test_what_cannot_be_seeded_in_a_sonnet_module_is_refused(noise):
    with pytest.raises(UserCodeError, match=r"^The loss of .*'noisy' .* by the operation Random(Uniform|Gamma)"):
        losses(of_sonnet(noise))


def test_a_sonnet_modules_state_is_the_same_in_every_build():
    def problem():
        x = np.ones((4, 5), "float32")
        return problems.from_sonnet(
            lambda: Quantized(snt.nets.VectorQuantizerEMA(5, 4, commitment_cost=0.25, decay=0.9)),
            (x, x),
            lambda y, z: (y - z) ** 2,
        )

    assert losses(problem()) == losses(problem())


class Quantized(snt.Module):
    def __init__(self, quantizer):
        super().__init__()
        self.linear, self.quantizer = snt.Linear(5), quantizer

    def __call__(self, x):
        return self.quantizer(self.linear(x), is_training=True)["quantize"]


def test_tensorflow_is_as_it_was_after_seeding():
    from tensorflow.python.ops import gen_random_ops

    before = gen_random_ops.random_uniform
    with pytest.raises(RuntimeError), randomness.seeded(SEEDS[0]):
        one, two = tf.random.uniform([]), tf.random.uniform([])
        assert float(one) != float(two)
        raise RuntimeError
    assert gen_random_ops.random_uniform is before
    with randomness.seeded(SEEDS[0]):
        assert float(tf.random.uniform([])) == float(one)


class Own(L.Layer):
    """A layer with noise of its own."""

    def __init__(self, noise):
        super().__init__(name="own")
        self.noise = noise
        self.generator = keras.random.SeedGenerator(3)

    def call(self, x):
        return self.noise(self, x)


def of_keras(*layers):
    model = keras.Sequential([keras.Input((6,)), *layers, L.Dense(1)])
    return problems.from_keras(model, (X[:1], X[:1, :1]), "mse", batch_size=1, redraw=False)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.Dropout(0.5),
        lambda: L.GaussianNoise(1.0),
        lambda: keras.Sequential([L.Reshape((2, 3)), L.SimpleRNN(4, recurrent_dropout=0.5, dropout=0.2)]),
        lambda: keras.Sequential([L.Reshape((2, 3, 1)), L.RandomTranslation(0.5, 0.5), L.Flatten()]),
        lambda: Own(lambda layer, x: x + keras.random.normal([6], seed=layer.generator)),
    ],
    ids=["dropout", "noise", "recurrent", "translation", "own"],
)
def test_keras_layers_follow_the_seed(layer):
    problem = of_keras(layer())
    received = losses(problem)
    assert received == losses(problem)
    assert len(set(received)) > 1


@pytest.mark.parametrize(
    ("noise", "what"),
    [
        (lambda layer, x: tf.nn.dropout(x, 0.5), "by the operation RandomUniform at .*test_randomness.py:"),
        (lambda layer, x: keras.random.dropout(x, 0.5), "by keras.random or a layer with a generator that is not"),
    ],
    ids=["tensorflow", "keras"],
)
def test_noise_in_a_keras_layer_that_no_seed_reaches_is_refused(noise, what):
    problem = of_keras(Own(noise))
    with pytest.raises(UserCodeError, match=f"The loss of the problem 'sequential.*{what}.*SeedGenerator"):
        losses(problem)


def test_every_random_operation_of_tensorflow_is_known():
    from tensorflow.python.framework import op_def_registry

    kinds = {kind: op_def_registry.get(kind) for kind in dir(tf.raw_ops)}
    stateful = {kind for kind, of in kinds.items() if of is not None and of.is_stateful}
    known = {kind for kind in stateful if randomness._is_random(kind, kinds[kind], lambda name: 1)}
    sounding = {kind for kind in stateful if any(word in kind for word in ("Random", "Rng", "Sampler", "NonDeterm"))}
    sounding |= {kind for kind in stateful if {"seed", "seed2"} & {of.name for of in kinds[kind].attr}}
    about_none = {"StatelessRandomGetAlg", "AnonymousRandomSeedGenerator", "DeleteRandomSeedGenerator"}
    assert sounding - known <= about_none | {kind for kind in sounding if "Dataset" in kind}
    assert {"Multinomial", "RandomGamma", "RngReadAndSkip", "StatefulUniform", "CudnnRNNV3"} <= known
    assert not known & {"StatefulPartitionedCall", "ReadVariableOp", "AssignVariableOp", "While", "EagerPyFunc"}
