import numpy as np
import pytest
import tensorflow as tf

from l2l_tf.unrolling import seeds
from l2l_tf.unrolling.seeds import Purpose


def _as_tuple(seed):
    assert seed.shape == (2,)
    assert seed.dtype == tf.int32
    return tuple(seed.numpy().tolist())


def test_equal_roots_and_folds_are_equal():
    assert _as_tuple(seeds.root(3)) == _as_tuple(seeds.root(3))
    assert _as_tuple(seeds.fold(seeds.root(3), Purpose.MINIBATCH, 7)) == _as_tuple(
        seeds.fold(seeds.fold(seeds.root(3), Purpose.MINIBATCH), 7)
    )


def test_roots_purposes_and_counters_give_different_seeds():
    folded = [
        _as_tuple(seeds.fold(seeds.root(root), purpose, counter))
        for root in (0, 1, 2**31, 2**62 - 1)
        for purpose in Purpose
        for counter in range(3)
    ]
    assert len(set(folded)) == len(folded) == 4 * len(Purpose) * 3


def test_the_order_of_folds_counts():
    assert _as_tuple(seeds.fold(seeds.root(0), 1, 2)) != _as_tuple(seeds.fold(seeds.root(0), 2, 1))


def test_a_traced_counter_folds_as_a_python_one():
    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def fold(step):
        return seeds.fold(seeds.root(3), Purpose.MINIBATCH, step)

    for step in range(3):
        assert _as_tuple(fold(tf.constant(step))) == _as_tuple(seeds.fold(seeds.root(3), Purpose.MINIBATCH, step))


def test_numbers_drawn_from_folded_seeds_do_not_depend_on_one_another():
    draws = [tf.random.stateless_normal([2000], seeds.fold(seeds.root(0), Purpose.PROBLEM, i)) for i in range(4)]
    correlations = np.corrcoef(np.stack(draws))[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(2000)


def test_the_numbers_of_purposes_stay_what_they_are():
    """Every result depends on them: a purpose is appended, never renumbered."""
    names = ["PROBLEM", "INITIAL_PARAMETERS", "MINIBATCH", "PERTURBATION", "TRAINING", "VALIDATION", "EVALUATION"]
    assert [Purpose[name].value for name in [*names, "TUNING"]] == list(range(8))


def test_golden_seed():
    """Results of earlier versions are reproduced only while this holds."""
    assert _as_tuple(seeds.root(2**31 + 5)) == (5, 1)
    assert _as_tuple(seeds.fold(seeds.root(42), Purpose.EVALUATION, 3)) == (79151883, 3)


@pytest.mark.parametrize("seed", [-1, 2**62])
def test_bounds(seed):
    with pytest.raises(ValueError, match=rf"A seed is an integer of at least 0 and below 2\*\*62\. Received: {seed}\."):
        seeds.root(seed)
