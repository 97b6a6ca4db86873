import numpy as np
import pytest

from l2l_tf.training import unroll_schedule
from l2l_tf.training.unroll_schedule import lengths, num_steps_of, unrolls


def draw(seed=0):
    return np.random.default_rng(seed)


def test_a_handful_of_lengths():
    assert lengths("fixed", 20) == (20,)
    assert lengths("increasing", 20) == lengths("log_uniform", 20) == (2, 5, 10, 20)
    assert lengths("log_uniform", 2) == (1, 2)


def test_fixed_unrolls_fill_the_run():
    assert unrolls("fixed", 20, 100, 0.7, draw()) == [20] * 5


def test_increasing_unrolls_grow_with_the_training():
    assert [unrolls("increasing", 40, 100, progress, draw()) for progress in (0, 0.25, 0.5, 0.75, 0.99)] == [
        [5] * 20,
        [10] * 10,
        [20] * 5,
        [40] * 2,
        [40] * 2,
    ]


def test_log_uniform_unrolls_fill_the_run_with_all_lengths_alike():
    cuts = unrolls("log_uniform", 40, 10_000, 0.0, draw())
    assert 10_000 - 5 < sum(cuts) <= 10_000
    for length in (5, 10, 20, 40):
        assert cuts.count(length) / len(cuts) == pytest.approx(0.25, abs=0.05)
    assert unrolls("log_uniform", 40, 100, 0.3, draw(1)) == unrolls("log_uniform", 40, 100, 0.9, draw(1))
    assert unrolls("log_uniform", 40, 100, 0.3, draw(1)) != unrolls("log_uniform", 40, 100, 0.3, draw(2))


def test_a_curriculum_goes_through_its_lengths_in_equal_shares():
    assert [num_steps_of([20, 50, 100], 100, i / 6) for i in range(6)] == [20, 20, 50, 50, 100, 100]
    assert num_steps_of(None, 30, 0.5) == 30


def test_unknown_schedules():
    with pytest.raises(ValueError, match=r"unroll_schedule is one of \['fixed', .*\]\. Received: 'longer'\."):
        lengths("longer", 20)
    assert unroll_schedule.SCHEDULES == ("fixed", "increasing", "log_uniform")
