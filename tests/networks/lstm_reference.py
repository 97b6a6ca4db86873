"""One LSTM layer and the linear one after it in NumPy, as the rules around LSTMs have them."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(weights, x, h, c):
    """The output of the linear layer `[n, outputs]`, and the next h and c, from inputs `[n, inputs]`."""
    i, f, z, o = np.split(x @ weights["lstm_1/w_i"] + h @ weights["lstm_1/w_h"] + weights["lstm_1/b"], 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
    h = sigmoid(o) * np.tanh(c)
    return h @ weights["linear/w"] + weights["linear/b"], h, c
