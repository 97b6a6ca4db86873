"""from_keras draws every weight afresh, by our seed alone, whichever layer of Keras it is of."""

import functools
import inspect
import random
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import problems

L = keras.layers
SEED = tf.constant([5, -6])


def sequence(layer):
    return [keras.Input((4, 3)), layer]


def image(layer):
    return [keras.Input((6, 6, 2)), layer]


def volume(layer):
    return [keras.Input((4, 4, 4, 2)), layer]


def words(layer):
    return [keras.Input((4,), dtype="int32"), layer]


def attention(layer):
    inputs = keras.Input((4, 6))
    return keras.Model(inputs, layer(inputs, inputs))


def queries(layer):
    inputs = keras.Input((4, 6))
    return keras.Model(inputs, layer([inputs, inputs]))


# Every layer of Keras that has weights, with the number of those that are drawn at random.
WITH_WEIGHTS = {
    "AdditiveAttention": (lambda: queries(L.AdditiveAttention()), 1),
    "Attention": (lambda: queries(L.Attention(use_scale=True, score_mode="concat")), 0),
    "BatchNormalization": (lambda: image(L.BatchNormalization()), 0),
    "Bidirectional": (lambda: sequence(L.Bidirectional(L.LSTM(3))), 4),
    "Conv1D": (lambda: sequence(L.Conv1D(2, 2)), 1),
    "Conv1DTranspose": (lambda: sequence(L.Conv1DTranspose(2, 2)), 1),
    "Conv2D": (lambda: image(L.Conv2D(2, 2)), 1),
    "Conv2DTranspose": (lambda: image(L.Conv2DTranspose(2, 2)), 1),
    "Conv3D": (lambda: volume(L.Conv3D(2, 2)), 1),
    "Conv3DTranspose": (lambda: volume(L.Conv3DTranspose(2, 2)), 1),
    "ConvLSTM1D": (lambda: [keras.Input((3, 4, 2)), L.ConvLSTM1D(2, 2)], 2),
    "ConvLSTM2D": (lambda: [keras.Input((3, 4, 4, 2)), L.ConvLSTM2D(2, 2)], 2),
    "ConvLSTM3D": (lambda: [keras.Input((2, 3, 3, 3, 2)), L.ConvLSTM3D(2, 2)], 2),
    "Dense": (lambda: sequence(L.Dense(2)), 1),
    "DepthwiseConv1D": (lambda: sequence(L.DepthwiseConv1D(2)), 1),
    "DepthwiseConv2D": (lambda: image(L.DepthwiseConv2D(2)), 1),
    "EinsumDense": (lambda: sequence(L.EinsumDense("abc,cd->abd", (4, 2), bias_axes="d")), 1),
    "Embedding": (lambda: words(L.Embedding(5, 2)), 1),
    "GRU": (lambda: sequence(L.GRU(2)), 2),
    "GRUCell": (lambda: sequence(L.RNN(L.GRUCell(2, bias_initializer="random_normal"))), 3),
    "GroupNormalization": (lambda: image(L.GroupNormalization(1)), 0),
    "GroupQueryAttention": (lambda: attention(L.GroupQueryAttention(2, 4, 2)), 4),
    "LSTM": (lambda: sequence(L.LSTM(2, bias_initializer="random_normal")), 3),
    "LSTMCell": (lambda: sequence(L.RNN(L.LSTMCell(2, unit_forget_bias=False, bias_initializer="he_normal"))), 3),
    "LayerNormalization": (lambda: sequence(L.LayerNormalization()), 0),
    "MultiHeadAttention": (lambda: attention(L.MultiHeadAttention(2, 3)), 4),
    "PReLU": (lambda: sequence(L.PReLU(alpha_initializer="random_uniform")), 1),
    "RMSNormalization": (lambda: sequence(L.RMSNormalization()), 0),
    "ReversibleEmbedding": (lambda: words(L.ReversibleEmbedding(5, 2, tie_weights=False)), 2),
    "SeparableConv1D": (lambda: sequence(L.SeparableConv1D(2, 2)), 2),
    "SeparableConv2D": (lambda: image(L.SeparableConv2D(2, 2)), 2),
    "SimpleRNN": (lambda: sequence(L.SimpleRNN(2)), 2),
    "SimpleRNNCell": (lambda: sequence(L.RNN(L.SimpleRNNCell(2))), 2),
    "SpectralNormalization": (lambda: image(L.SpectralNormalization(L.Conv2D(2, 2))), 1),
    "StackedRNNCells": (lambda: sequence(L.RNN(L.StackedRNNCells([L.LSTMCell(2), L.GRUCell(2)]))), 4),
    "TimeDistributed": (lambda: sequence(L.TimeDistributed(L.Dense(2))), 1),
}
# Those that learn statistics of the data or make tables, those of other libraries, and bases.
WITHOUT_DRAWS = {
    *("Discretization", "Normalization", "MelSpectrogram", "STFTSpectrogram"),
    *("IntegerLookup", "StringLookup", "TextVectorization", "HashedCrossing", "Hashing", "CategoryEncoding"),
    *("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"),
    *("Layer", "Wrapper", "RNN", "Pipeline", "Lambda", "InputLayer"),
}


def built(layers, seed):
    keras.utils.set_random_seed(seed)
    made = layers()
    return made if isinstance(made, keras.Model) else keras.Sequential([*made, L.Flatten(), L.Dense(2)])


def problem_of(model, **options):
    shape = [8, *model.input_shape[1:]]
    x = np.zeros(shape, "int32") if "int" in model.inputs[0].dtype else np.ones(shape, "float32")
    return problems.from_keras(model, (x, np.zeros((8, *model.output_shape[1:]), "float32")), "mse", **options)


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_every_random_weight_is_drawn_by_the_seed_alone(name):
    layers, count = WITH_WEIGHTS[name]
    one, other = built(layers, 0), built(layers, 1)
    is_random = [
        not np.array_equal(v, w) for v, w in zip(one.trainable_variables, other.trainable_variables, strict=True)
    ]
    output_layer = not isinstance(layers(), keras.Model)
    assert sum(is_random) == count + output_layer
    here, there = problem_of(one), problem_of(other)
    first = here.initial_parameters((), SEED)
    second = here.initial_parameters((), SEED + 1)
    elsewhere = there.initial_parameters((), SEED)
    for (path, value), drawn in zip(first.items(), is_random, strict=True):
        assert np.array_equal(value, second[path]) is not drawn, path
    for value, same in zip(first.values(), elsewhere.values(), strict=True):
        np.testing.assert_array_equal(value, same)
    seed = tf.constant([1, 2])
    # What is no parameter is by our seeds too.
    np.testing.assert_array_equal(here.loss(first, (), seed), there.loss(elsewhere, (), seed))


def test_the_table_has_every_layer_of_keras_with_weights():
    layers = {name: layer for name in dir(L) if inspect.isclass(layer := getattr(L, name))}
    canonical = {layer.__name__ for layer in layers.values() if issubclass(layer, L.Layer)}
    # A layer makes its weights by add_weight or of layers inside, in the module of its class or of a base below Layer.
    with_weights = set()
    for layer in layers.values():
        modules = {base.__module__ for base in layer.__mro__ if issubclass(base, L.Layer) and base is not L.Layer}
        source = "".join(module_source(name) for name in modules if name.startswith("keras.src.layers."))
        if any(word in source for word in ("add_weight(", "Variable(", "self.cell", "EinsumDense(")):
            with_weights.add(layer.__name__)
    assert canonical & with_weights <= {*WITH_WEIGHTS, *WITHOUT_DRAWS, "GroupedQueryAttention"}
    assert {*layers} >= {*WITH_WEIGHTS, *WITHOUT_DRAWS}


@functools.cache
def module_source(name):
    return inspect.getsource(sys.modules[name])


class Own(L.Layer):
    """As Keras's guide writes a layer: add_weight with an initializer by name, and one in the constructor."""

    def __init__(self, **options):
        super().__init__(**options)
        self.shift = self.add_weight(shape=(2,), initializer="he_uniform", name="shift")

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 2), initializer="random_normal", name="w")
        self.kernel = self.add_weight(shape=(2,), initializer=lambda shape, dtype: tf.ones(shape, dtype), name="ones")

    def call(self, x):
        return x @ self.w + self.shift + self.kernel


class Nested(L.Layer):
    """A layer that makes others as it is built."""

    def build(self, shape):
        self.inner = L.Dense(2)
        self.inner.build(shape)
        self.recurrent = L.Bidirectional(L.GRU(2))
        self.recurrent.build((*shape[:-1], 2))

    def call(self, x):
        return self.recurrent(self.inner(x))


class OwnModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = keras.Sequential([L.Dense(3), L.LSTM(2)])
        self.out = L.Dense(2)
        self.scale = self.add_weight(shape=(2,), initializer="random_uniform", name="scale")

    def call(self, x):
        return self.scale * self.out(self.block(x))


class Fixed(keras.initializers.Initializer):
    """An initializer of one's own, which takes no seed and needs none."""

    def __call__(self, shape, dtype=None):
        return tf.reshape(tf.range(tf.reduce_prod(shape), dtype=dtype), shape)


class Wild(keras.initializers.Initializer):
    """One that no seed reaches."""

    def __call__(self, shape, dtype=None):
        return np.random.default_rng().normal(size=shape).astype(dtype)


class Values(L.Layer):
    """Weights from arrays."""

    def __init__(self, values, **options):
        super().__init__(**options)
        self.values = values
        self.w = keras.Variable(values(), name="w")

    def get_config(self):
        return {**super().get_config(), "values": self.values}

    def call(self, x):
        return x * self.w


class Secret(L.Layer):
    """A layer that cannot be made again: its configuration holds too little."""

    def __init__(self, function, initializer="random_normal"):
        super().__init__(name="secret")
        self.function = function
        self.w_initializer = keras.initializers.get(initializer)

    def build(self, shape):
        self.w = self.add_weight(shape=(3,), initializer=self.w_initializer, name="w")
        self.b = self.add_weight(shape=(3,), initializer="zeros", name="b")

    def call(self, x):
        return self.function(x) * self.w + self.b


def own_model(middle):
    model = OwnModel()
    model(np.ones((8, 4, 3), "float32"))
    return model


@pytest.mark.parametrize("layer", [Own, Nested, lambda: Secret(lambda x: 2 * x)], ids=["own", "nested", "secret"])
def test_layers_of_the_users_own_are_drawn_by_the_seed_alone(layer):
    one, other = (built(lambda: sequence(layer()), seed) for seed in (0, 1))
    first, second = (problem_of(model).initial_parameters((), SEED) for model in (one, other))
    for variable, value, same in zip(one.trainable_variables, first.values(), second.values(), strict=True):
        np.testing.assert_array_equal(value, same)
        is_constant = np.ptp(variable.numpy()) == 0
        assert np.array_equal(value, variable.numpy()) == is_constant, variable.path


def test_a_model_that_is_a_class_of_the_users_own():
    drawn = []
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        model = OwnModel()
        x = np.ones((8, 4, 3), "float32")
        model(x)
        problem = problems.from_keras(model, (x, np.zeros((8, 2), "float32")), "mse")
        drawn.append([problem.initial_parameters((), SEED + i) for i in range(2)])
    random_paths = [path for path, value in drawn[0][0].items() if not np.array_equal(value, drawn[0][1][path])]
    assert len(random_paths) == 5  # Two of Dense, two of LSTM, and the model's own.
    for one, other in zip(drawn[0][0].values(), drawn[1][0].values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_initializers_without_a_seed_are_kept_where_they_are_constant_and_refused_where_not():
    fixed = problem_of(built(lambda: sequence(L.Dense(2, kernel_initializer=Fixed())), 0))
    np.testing.assert_array_equal(next(iter(fixed.initial_parameters((), SEED).values())), [[0, 1], [2, 3], [4, 5]])
    ones = problem_of(built(lambda: sequence(Values(lambda: np.ones(3, "float32"))), 0))
    np.testing.assert_array_equal(next(iter(ones.initial_parameters((), SEED).values())), np.ones(3))

    def rows():
        return np.random.normal(size=3).astype("float32")

    for name, layer in (
        ("kernel", lambda: L.Dense(2, kernel_initializer=Wild(), name="here")),
        ("w", lambda: Values(rows, name="here")),
    ):
        model = built(lambda layer=layer: sequence(layer()), 0)
        message = f"^The weight '{name}' of the layer 'here' is drawn in a way that no seed reaches.*redraw=False.$"
        with pytest.raises(ValueError, match=message):
            problem_of(model)
        kept = problem_of(model, redraw=False).initial_parameters((), SEED)
        for variable, value in zip(model.trainable_variables, kept.values(), strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)


def test_a_layer_that_cannot_be_made_again_is_refused_in_one_line():
    def initializer(shape, dtype):
        return keras.random.normal(shape, dtype=dtype, seed=3)

    model = built(lambda: sequence(Secret(lambda x: 2 * x, initializer)), 0)
    with pytest.raises(ValueError, match=r"^The layer 'secret' cannot be made again.* its weight 'w' .*redraw=False.$"):
        problem_of(model)


def test_looking_for_initializers_leaves_no_trace():
    model = built(lambda: sequence(Nested()), 0)
    name = keras.layers.Dense(2).name
    keras.utils.set_random_seed(3)
    states = random.getstate(), np.random.get_state()[1].copy()
    before = [variable.numpy() for variable in model.variables]
    problem_of(model)
    assert random.getstate() == states[0]
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    number = int(name.rpartition("_")[2])
    assert keras.layers.Dense(2).name == f"dense_{number + 1}"


def test_frozen_layers_keep_their_weights():
    model = built(lambda: [keras.Input((4,)), L.Dense(3, name="frozen"), L.Dense(3)], 0)
    model.get_layer("frozen").trainable = False
    loss = problem_of(model, redraw=False)
    redrawn = problem_of(model)
    assert len(redrawn.initial_parameters((), SEED)) == 4
    parameters = {path: tf.ones_like(value) for path, value in redrawn.initial_parameters((), SEED).items()}
    np.testing.assert_array_equal(loss.loss(parameters, (), SEED), redrawn.loss(parameters, (), SEED))
