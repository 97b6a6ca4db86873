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


def factored(gradient, rows, columns, decay):
    """R, C and A spread over the tensor, and the averages themselves, entry by entry."""
    new_rows, new_columns = np.zeros(gradient.shape[:-1]), np.zeros(gradient.shape[:-2] + gradient.shape[-1:])
    spread = [np.zeros(gradient.shape) for _ in range(3)]
    for lead in np.ndindex(gradient.shape[:-2]):
        for i in range(gradient.shape[-2]):
            new_rows[(*lead, i)] = decay * rows[(*lead, i)] + (1 - decay) * np.mean(gradient[lead][i] ** 2)
        for j in range(gradient.shape[-1]):
            square = np.mean(gradient[lead][:, j] ** 2)
            new_columns[(*lead, j)] = decay * columns[(*lead, j)] + (1 - decay) * square
        for i, j in np.ndindex(gradient.shape[-2:]):
            r, c = new_rows[(*lead, i)], new_columns[(*lead, j)]
            for values, value in zip(spread, (r, c, r * c / np.mean(new_rows[lead]))):
                values[(*lead, i, j)] = value
    return spread, new_rows, new_columns


def adafactor_features(gradients, parameter, decays, second_decay):
    """Of every step, the features and their epsilons, and the second moment of each decay's rows."""
    factors = parameter.ndim >= 2
    m, v = [np.zeros_like(parameter)] * len(decays), np.zeros_like(parameter)
    rows = [np.zeros(parameter.shape[:-1] if factors else parameter.shape)] * len(decays)
    columns = [np.zeros(parameter.shape[:-2] + parameter.shape[-1:])] * len(decays)
    for g in gradients:
        m = [decay * x + (1 - decay) * g for x, decay in zip(m, decays)]
        v = second_decay * v + (1 - second_decay) * g**2
        spread = []
        for k, decay in enumerate(decays):
            if factors:
                of_decay, rows[k], columns[k] = factored(g, rows[k], columns[k], decay)
            else:
                rows[k] = decay * rows[k] + (1 - decay) * g**2
                of_decay = [rows[k]] * 3
            spread.append(of_decay)
        root = inverse_root
        features = [(g, 1e-16), (parameter, 1e-6), (v * root(v), 1e-16), (root(v), 1e-16)]
        for k, (row, column, both) in enumerate(spread):
            features += [(m[k], 1e-16), (m[k] * root(v), 1.0), (g * root(both), 1.0)]
            features += [(x, 1e-16) for x in (row * root(row), column * root(column), root(row), root(column))]
            features.append((m[k] * root(both), 1.0))
        yield [(np.ravel(x), epsilon) for x, epsilon in features], [row.mean() for row in rows]


def normalized(features):
    """`[n, k]`."""
    return np.stack([x / np.sqrt(np.mean(x**2) + epsilon) for x, epsilon in features], axis=1)


def time_features(step):
    return np.tanh(step / TIME_SCALES - 1)


def mlp(weights, inputs, further=0.0):
    """The outputs and the last hidden layer; `further` is added in the first."""
    hidden, i = inputs, 1
    while f"hidden_{i}/w" in weights:
        hidden = np.maximum(hidden @ weights[f"hidden_{i}/w"] + weights[f"hidden_{i}/b"] + further, 0)
        further = 0.0
        i += 1
    return hidden @ weights["output/w"] + weights["output/b"], hidden


def random_weights(network_weights, seed=0):
    """Of the same names and shapes."""
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=value.shape) * 0.5 for name, value in network_weights.items()}
