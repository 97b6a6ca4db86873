"""The MLP rules in NumPy, written from their formulas: one tensor of one function at a time, in plain loops."""

import numpy as np

TIME_SCALES = np.array([1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5])


def inverse_root(values):
    return 1 / np.sqrt(values + 1e-4 * values.mean() + 1e-16)


def moment_features(gradient, parameter, state, decays):
    """Features and their epsilons; changes `state`, lists `m` and `v`, in place."""
    for i, decay in enumerate(decays):
        state["m"][i] = decay * state["m"][i] + (1 - decay) * gradient
        state["v"][i] = decay * state["v"][i] + (1 - decay) * gradient**2
    features = [(gradient, 1e-16), (parameter, 1e-6)]
    for m, v in zip(state["m"], state["v"]):
        r = inverse_root(v)
        features += [(m, 1e-16), (v * r, 1e-16), (m * r, 1.0), (r, 1e-16)]
    return [(np.ravel(x), epsilon) for x, epsilon in features]


def normalized(features):
    """`[n, k]`."""
    return np.stack([x / np.sqrt(np.mean(x**2) + epsilon) for x, epsilon in features], axis=1)


def time_features(step):
    return np.tanh(step / TIME_SCALES - 1)


def mlp(weights, inputs):
    """The outputs and the last hidden layer."""
    hidden, i = inputs, 1
    while f"hidden_{i}/w" in weights:
        hidden = np.maximum(hidden @ weights[f"hidden_{i}/w"] + weights[f"hidden_{i}/b"], 0)
        i += 1
    return hidden @ weights["output/w"] + weights["output/b"], hidden


def random_weights(network_weights, seed=0):
    """Of the same names and shapes."""
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=value.shape) * 0.5 for name, value in network_weights.items()}
