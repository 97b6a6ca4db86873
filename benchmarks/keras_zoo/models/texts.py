"""Models of text: next characters, and the sentiment of reviews."""

import keras
import tensorflow as tf
from keras import layers

from benchmarks.keras_zoo.data import texts
from benchmarks.keras_zoo.task import Task, binary_cross_entropy, cross_entropy, supervised

_LETTERS = len(texts.ALPHABET)


class Positions(layers.Layer):
    """Adds a learned vector to each place of a sequence `[batch, length, width]`."""

    def build(self, input_shape):
        self.positions = self.add_weight(
            shape=tuple(input_shape[1:]), initializer=keras.initializers.RandomNormal(0, 0.02)
        )

    def call(self, inputs):
        return inputs + self.positions


def _block(x, heads, inner, causal):
    """A transformer's block with normalisation first, on `[batch, length, width]`."""
    width = x.shape[-1]
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(heads, width // heads)(y, y, use_causal_mask=causal)
    x = layers.Add()([x, y])
    y = layers.Dense(inner, activation="gelu")(layers.LayerNormalization()(x))
    return layers.Add()([x, layers.Dense(width)(y)])


def _character_transformer():
    inputs = keras.Input((24,), dtype="int32")
    x = Positions()(layers.Embedding(_LETTERS, 32)(inputs))
    for _ in range(2):
        x = _block(x, heads=2, inner=64, causal=True)
    return [keras.Model(inputs, layers.Dense(_LETTERS)(layers.LayerNormalization()(x)))]


def _character_gru():
    return [
        keras.Sequential(
            [
                keras.Input((24,), dtype="int32"),
                layers.Embedding(_LETTERS, 16),
                layers.GRU(48, return_sequences=True),
                layers.Dense(_LETTERS),
            ]
        )
    ]


def _bag_of_words():
    return [
        keras.Sequential(
            [
                keras.Input((120,), dtype="int32"),
                layers.Embedding(2_000, 16),
                layers.GlobalAveragePooling1D(),
                layers.Dense(16, activation="relu"),
                layers.Dense(1),
            ]
        )
    ]


def _text_transformer():
    inputs = keras.Input((48,), dtype="int32")
    x = _block(Positions()(layers.Embedding(2_000, 20)(inputs)), heads=2, inner=32, causal=False)
    x = layers.Dense(20, activation="relu")(layers.GlobalAveragePooling1D()(x))
    return [keras.Model(inputs, layers.Dense(1)(x))]


def _lstm_sentiment():
    return [
        keras.Sequential(
            [
                keras.Input((24,), dtype="int32"),
                layers.Embedding(1_000, 16),
                layers.Bidirectional(layers.LSTM(16)),
                layers.Dense(1),
            ]
        )
    ]


def _next_character(models, batch, noise, training):
    inputs, targets = batch
    return [tf.reduce_mean(cross_entropy(targets, models[0](inputs, training=training)))]


_SENTIMENT = supervised(binary_cross_entropy)

TASKS = {
    "character_transformer": Task(
        "transformer, characters", "choose", _character_transformer, texts.characters(24), _next_character, 16
    ),
    "character_gru": Task(
        "GRU, characters", "report", _character_gru, texts.characters(24), _next_character, 16, compiled=True
    ),
    "bag_of_words": Task("bag of words, IMDB", "choose", _bag_of_words, texts.reviews(2_000, 120), _SENTIMENT),
    "text_transformer": Task(
        "transformer, embedding of 2,000 words, IMDB",
        "report",
        _text_transformer,
        texts.reviews(2_000, 48),
        _SENTIMENT,
        16,
    ),
    "lstm_sentiment": Task(
        "bidirectional LSTM, IMDB",
        "report",
        _lstm_sentiment,
        texts.reviews(1_000, 24),
        _SENTIMENT,
        16,
        compiled=True,
    ),
}
