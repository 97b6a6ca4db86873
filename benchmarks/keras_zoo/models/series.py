"""Models of series of numbers: recurrent networks and one-dimensional convolutions."""

import keras
from keras import layers

from benchmarks.keras_zoo.data import generated
from benchmarks.keras_zoo.task import Task, cross_entropy, squared_error, supervised


def _lstm_regression():
    return [keras.Sequential([keras.Input((30, 1)), layers.LSTM(24), layers.Dense(1)])]


def _adding():
    return [keras.Sequential([keras.Input((25, 2)), layers.SimpleRNN(40), layers.Dense(1)])]


def _convolutions():
    blocks = []
    for channels in (16, 32):
        blocks += [layers.Conv1D(channels, 7, strides=2, padding="same", activation="relu")]
    return [keras.Sequential([keras.Input((100, 1)), *blocks, layers.GlobalAveragePooling1D(), layers.Dense(5)])]


TASKS = {
    "lstm_regression": Task(
        "LSTM, regression on oscillations",
        "choose",
        _lstm_regression,
        generated.oscillations,
        supervised(squared_error),
        compiled=True,
    ),
    "adding_rnn": Task(
        "simple RNN, adding problem", "choose", _adding, generated.sums, supervised(squared_error), compiled=True
    ),
    "timeseries_convnet": Task(
        "convnet on time series",
        "report",
        _convolutions,
        generated.sensor_series,
        supervised(cross_entropy),
    ),
}
