"""Outer gradients along runs, against ordinary back-propagation, and the table made of them."""

import numpy as np
import pytest

from experiments.analysis import outer_gradients
from l2l_tf import networks
from l2l_tf.training.config import TrainingConfig
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from problems.quadratic import Quadratic

CONFIG = TrainingConfig(
    networks={"cw": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [3], "scale": 0.1}}},
    num_steps=9,
    unroll_length=3,
    loss_weights="mean",
    loss_transform="log",
    second_derivatives=True,
)


def test_they_are_those_of_back_propagation():
    problem = Quadratic(batch_size=2, num_dims=3)
    network = AssignedNetworks({"cw": networks.get("CoordinateWiseDeepLSTM", layers=[3], scale=0.1)})
    found = outer_gradients.gradients(problem, network, CONFIG, [0, 2], 2, seed=7)
    assert {index: of_runs.shape[0] for index, of_runs in found.items()} == {0: 2, 2: 2}
    draw = seeds.fold(seeds.fold(seeds.root(7), seeds.Purpose.EVALUATION), 1)
    run = unroll.start(problem, network, draw)
    for index in range(3):
        expected = unroll.tape(problem, network, run, 3, trajectory_objective(3, "mean", "log"), True)
        if index in found:
            flat = np.concatenate([gradient.numpy().ravel() for gradient in expected.gradients])
            np.testing.assert_allclose(found[index][1], flat, atol=1e-5 * np.abs(flat).max())
        run = expected.run


def test_table():
    """Two runs at a right angle, whose mean points against that of the later unroll."""
    found = {0: np.array([[3.0, 0.0], [0.0, 3.0]]), 4: np.array([[-1.0, -1.0], [-1.0, -1.0]])}
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in outer_gradients.table(found).splitlines()]
    assert rows[0] == ["unroll", "norm", "cosine of runs", "with unroll 0", "with unroll 4"]
    assert rows[2:] == [["0", "3", "0.00", "1.00", "-1.00"], ["4", "1.41", "1.00", "-1.00", "1.00"]]


@pytest.mark.parametrize("words", [["-1"], ["first"], ["1", "1"], []])
def test_bad_unrolls(words):
    with pytest.raises(ValueError, match="--unrolls is different whole numbers of 0 to 1000000"):
        outer_gradients._unrolls(words)
