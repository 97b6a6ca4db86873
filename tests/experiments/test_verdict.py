"""Verdicts, against SciPy's paired test and by hand."""

import numpy as np
import pytest
from scipy import stats

from experiments.shared import verdict

RANDOM = np.random.default_rng(0)


def test_difference_is_the_paired_interval():
    ours, theirs = RANDOM.normal(size=(2, 12))
    found = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert verdict.difference(ours, theirs) == pytest.approx((np.mean(ours - theirs), found.low, found.high), rel=2e-3)


def test_a_seed_is_below_where_it_is_below_every_baseline_beyond_chance():
    adam = RANDOM.lognormal(size=20)
    nag = adam - 0.1 + 0.01 * RANDOM.normal(size=20)
    below, between, unsure = nag - 0.05, nag + 0.05, nag + RANDOM.normal(size=20)
    found = verdict.compare([below, between, unsure], {"Adam": adam, "NAG": nag})
    assert found.best == "NAG"
    assert found.below == [True, False, False]
    assert found.ratio == pytest.approx(np.mean([below, between, unsure]) / nag.mean())


def test_losses_that_are_not_finite():
    fine, worse = np.array([1.0, 1.1, 0.9]), np.array([2.0, 2.1, 1.8])
    assert verdict.compare([np.array([0.1, np.nan, 0.1])], {"SGD": fine}).below == [False]
    found = verdict.compare([fine], {"SGD": np.array([0.1, np.inf, 0.1]), "NAG": worse})
    assert (found.best, found.below) == ("NAG", [True])


def test_verdicts():
    holds, in_part, not_, not_run = verdict.HOLDS, verdict.IN_PART, verdict.DOES_NOT_HOLD, verdict.NOT_RUN
    assert [verdict.of_seeds(below) for below in ([True, True], [True, False], [False])] == [holds, in_part, not_]
    assert verdict.combined([holds, holds]) == holds
    assert verdict.combined([not_, not_]) == not_
    assert verdict.combined([holds, not_]) == in_part
    assert verdict.combined([holds, not_run]) == not_run
    assert verdict.combined([]) == not_run
    assert [verdict.opposite(found) for found in (holds, not_, in_part, not_run)] == [not_, holds, in_part, not_run]
