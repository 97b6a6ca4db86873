"""Sizes and directions of updates, against NumPy on a quadratic."""

import csv
import io
import itertools

import numpy as np
import pytest

from experiments.analysis import update_sizes, updates
from l2l_tf import networks
from l2l_tf.unrolling import seeds, unroll
from problems.quadratic import Quadratic

SEED = 5
PROBLEM = Quadratic(batch_size=1, num_dims=3, stddev=1.0)


@pytest.fixture(scope="module")
def followed():
    """SGD's run, with NAG and SGD at twice the rate looking on."""
    references = {"NAG": networks.get("Nesterov", learning_rate=0.02), "SGD": networks.get("Sgd", learning_rate=0.02)}
    return update_sizes.follow(PROBLEM, networks.get("Sgd", learning_rate=0.01), references, 4, 2, SEED)


def _gradients(draw):
    """The losses and gradients along SGD's run, by NumPy."""
    run = unroll.start(
        PROBLEM,
        networks.get("Sgd", learning_rate=0.01),
        seeds.fold(seeds.root(SEED), seeds.Purpose.EVALUATION, draw),
    )
    w, y = (run.instance[name].numpy()[0].astype(np.float64) for name in ("w", "y"))
    x = run.parameters["x"].numpy()[0].astype(np.float64)
    losses, gradients = [], []
    for _ in range(4):
        residual = w @ x - y
        losses.append(residual @ residual)
        gradients.append(2 * w.T @ residual)
        x = x - 0.01 * gradients[-1]
    return np.array(losses), np.array(gradients)


def _cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("draw", [0, 1])
def test_against_numpy(followed, draw):
    losses, gradients = _gradients(draw)
    u = -0.01 * gradients
    np.testing.assert_allclose(followed.loss[draw], losses, rtol=1e-4)
    np.testing.assert_allclose(followed.rms[draw], np.sqrt(np.mean(u**2, axis=1)), rtol=1e-4)
    np.testing.assert_allclose(followed.mean[draw], u.mean(axis=1), rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(followed.rate[draw], 0.01, rtol=1e-5)
    np.testing.assert_allclose(followed.along_gradient[draw], 1.0, rtol=1e-5)
    expected = [0.0, *(_cosine(a, b) for a, b in itertools.pairwise(u))]
    np.testing.assert_allclose(followed.along_last[draw], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(followed.relative["SGD"][draw], 0.5, rtol=1e-5)
    velocity, others = np.zeros(3), []
    for gradient in gradients:
        velocity = 0.9 * velocity - 0.02 * gradient
        others.append(0.9 * velocity - 0.02 * gradient)
    np.testing.assert_allclose(followed.along["NAG"][draw], [_cosine(a, b) for a, b in zip(u, others)], rtol=1e-4)
    sizes = np.linalg.norm(u, axis=1) / np.linalg.norm(others, axis=1)
    np.testing.assert_allclose(followed.relative["NAG"][draw], sizes, rtol=1e-4)


def test_table_and_curves_hold_the_numbers(followed):
    rows = list(csv.DictReader(io.StringIO(updates.curves_csv({"SGD": followed}))))
    assert len(rows) == 8
    assert [float(row["rms"]) for row in rows] == followed.rms.ravel().tolist()
    assert [float(row["along NAG"]) for row in rows[4:]] == followed.along["NAG"][1].tolist()
    table = [line.strip("|").split("|") for line in updates.table({"SGD": followed}).splitlines()]
    row = dict(zip((cell.strip() for cell in table[0]), table[2]))
    assert [line[1].strip() for line in table[2:]] == ["1"]
    assert float(row["rms"]) == pytest.approx(followed.rms[:, 0].mean(), rel=1e-2)
    assert float(row["relative to SGD"]) == pytest.approx(0.5)
