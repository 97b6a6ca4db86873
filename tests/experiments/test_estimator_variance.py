"""The experiment on the variance of estimators, on three lengths; results/estimators has more."""

import numpy as np
import pytest

from experiments.talk import estimator_variance as variance


@pytest.fixture(scope="module")
def measured():
    return {(length, 0): variance.measure(length, 0, std=0.1, pairs=8, num_estimates=16) for length in (5, 60)}


def test_back_propagation_is_better_on_short_unrolls_and_es_on_long_ones(measured):
    short, long = measured.values()
    assert short.relative("reparameterization") < 0.1 * short.relative("es")
    assert long.relative("es") < 0.1 * long.relative("reparameterization")


def test_the_mix_is_at_least_as_good_as_its_better_parent(measured):
    for run in measured.values():
        assert np.mean(run.over_better_parent("mix")) <= 1.05


def test_tables_and_figures_have_every_length(measured):
    assert [line.split("|")[1].strip() for line in variance.table(measured).splitlines()[2:]] == ["5", "60"]
    assert len(variance.curves_csv(measured).splitlines()) == 1 + 2 * 3
    assert len(variance.figure(measured).axes[0].lines) == 3 * (1 + 2)
