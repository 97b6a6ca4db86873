"""ES, PES, NRES, the reparameterisation gradient and the mix against gradients known in closed form."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from l2l_tf import estimators
from l2l_tf.estimators.mix import mixed
from l2l_tf.estimators.moments import Moments
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.objectives import trajectory_objective
from tests.estimators.toys import (
    Bowl,
    Drift,
    FirstCoordinate,
    InfluenceBalancing,
    drift_gradient,
    drift_loss,
)

START, PHI, LEN_UNROLL = np.array([0.5, -1.0, 2.0]), np.array([0.3, -0.2, -0.4]), 3
STD = 0.1


def estimator_on(problem, network, name, len_unroll, **options):
    made = estimators.get(name, problem, network, len_unroll, trajectory_objective(len_unroll), **options)
    return made, tf.function(made.__call__, autograph=False)


def interval(samples, level=0.99):
    """Ends of the interval of the mean that Student's t gives, `[...]` over samples `[N, ...]`."""
    mean, error = np.mean(samples, 0), np.std(samples, 0, ddof=1) / np.sqrt(len(samples))
    half = stats.t.ppf(0.5 + level / 2, len(samples) - 1) * error
    return mean - half, mean + half


def test_an_es_estimate_is_its_formula():
    problem, network = Bowl(START), Drift(PHI)
    es, call = estimator_on(problem, network, "es", LEN_UNROLL, perturbation_std=STD, perturbations=5)
    seed = seeds.root(7)
    outer = call(es.begin(unroll.start(problem, network, seeds.root(1))), seed)
    noise_seed = seeds.fold(seed, seeds.Purpose.PERTURBATION, 0)
    epsilons = tf.random.stateless_normal([5, 3], noise_seed, stddev=STD, dtype=tf.float64).numpy()
    pairs = [
        e * (drift_loss(START, PHI + e, LEN_UNROLL) - drift_loss(START, PHI - e, LEN_UNROLL)) / (2 * STD**2)
        for e in epsilons
    ]
    np.testing.assert_allclose(outer.gradients[0], np.mean(pairs, 0), rtol=1e-9)
    np.testing.assert_allclose(outer.meta_loss, drift_loss(START, PHI, LEN_UNROLL), rtol=1e-12)
    np.testing.assert_allclose(outer.run.parameters["theta"], START + LEN_UNROLL * PHI, rtol=1e-12)


@pytest.mark.parametrize("name", ["es", "pes", "nres"])
def test_the_mean_estimate_of_a_quadratic_loss_is_its_gradient(name):
    problem, network = Bowl(START), Drift(PHI)
    made, call = estimator_on(problem, network, name, LEN_UNROLL, perturbation_std=STD, perturbations=16)
    run = unroll.start(problem, network, seeds.root(1))
    runs = [made.begin(run._replace(seed=seeds.root(i))) for i in range(60)]
    samples = np.array([call(run, seeds.root(i)).gradients[0] for i, run in enumerate(runs)])
    low, high = interval(samples)
    gradient = drift_gradient(START, PHI, LEN_UNROLL)
    assert np.all(low <= gradient) and np.all(gradient <= high)
    assert np.all(high - low < 0.35 * np.linalg.norm(gradient))


@pytest.mark.parametrize("name", ["reparameterization", "mix"])
def test_on_a_quadratic_loss_reparameterised_pairs_are_exact_and_the_mix_takes_them(name):
    problem, network = Bowl(START), Drift(PHI)
    made, call = estimator_on(problem, network, name, LEN_UNROLL, perturbation_std=STD, perturbations=4)
    outer = call(made.begin(unroll.start(problem, network, seeds.root(1))), seeds.root(1))
    np.testing.assert_allclose(outer.gradients[0], drift_gradient(START, PHI, LEN_UNROLL), rtol=1e-9)


SIZE, POSITIVE, NUM_STEPS = 6, 2, 6


def sums_over_runs(name, count):
    """The influence-balancing problem, and sums over the unrolls of `count` runs of the estimates."""
    problem, network = FirstCoordinate(SIZE), InfluenceBalancing(SIZE, POSITIVE, phi=0.5)
    made, call = estimator_on(problem, network, name, 1, perturbation_std=STD, perturbations=32)
    sums = []
    for i in range(count):
        run = made.begin(unroll.start(problem, network, seeds.root(i)))
        total = 0.0
        for _ in range(NUM_STEPS):
            outer = call(run, seeds.fold(seeds.root(i), run.step))
            run, total = outer.run, total + float(outer.gradients[0])
        sums.append(total)
    return network, np.array(sums)


def test_pes_has_no_truncation_bias_where_truncated_es_has_the_wrong_sign():
    network, truncated = sums_over_runs("es", 8)
    arguments = (np.ones(SIZE), NUM_STEPS, 1)
    full_gradient = network.gradient(*arguments, truncated=False)
    assert full_gradient == pytest.approx(-27.69, abs=0.01)
    low, high = interval(truncated)
    assert low <= network.gradient(*arguments, truncated=True) <= high
    assert low > 0 > full_gradient
    _, persistent = sums_over_runs("pes", 40)
    low, high = interval(persistent)
    assert low <= full_gradient <= high < 0
    _, reused = sums_over_runs("nres", 40)
    low, high = interval(reused)
    assert low <= full_gradient <= high < 0


class Jumps(Drift):
    """theta_{t+1} = START + phi, wherever it was: an unroll depends on none before it."""

    observes = frozenset({"gradients", "parameters"})

    def __call__(self, observation, state):
        return {"theta": START + self.phi - observation.parameters["theta"]}, state


def test_reused_noise_varies_as_little_in_late_unrolls_as_in_the_first():
    """Where an unroll depends on none before it; that of PES grows with each."""
    problem, network = Bowl(START), Jumps(PHI)
    variances = {}
    for name in ("nres", "pes"):
        made, call = estimator_on(problem, network, name, LEN_UNROLL, perturbation_std=STD, perturbations=4)
        begin, samples = unroll.start(problem, network, seeds.root(1)), []
        for i in range(60):
            run, of_run = made.begin(begin._replace(seed=seeds.root(i))), []
            for _ in range(8):
                outer = call(run, seeds.fold(seeds.root(i), run.step))
                run = outer.run
                of_run.append(outer.gradients[0])
            samples.append(of_run)
        low, high = interval(np.array(samples)[:, -1])
        gradient = (LEN_UNROLL + 1) * (START + PHI)
        assert np.all(low <= gradient) and np.all(gradient <= high)
        variances[name] = np.sum(np.var(samples, 0), -1)
    assert variances["nres"][-1] < 2 * variances["nres"][0]
    assert variances["pes"][-1] > 3 * variances["pes"][0]


def test_an_estimate_of_nres_is_its_formula_in_every_unroll():
    problem, network = Bowl(START), Drift(PHI)
    nres, call = estimator_on(problem, network, "nres", LEN_UNROLL, perturbation_std=STD, perturbations=5)
    run = nres.begin(unroll.start(problem, network, seeds.root(1)))
    noise_seed = seeds.fold(run.seed, seeds.Purpose.PERTURBATION, 0)
    epsilons = tf.random.stateless_normal([5, 3], noise_seed, stddev=STD, dtype=tf.float64).numpy()
    for unroll_number in range(2):
        outer = call(run, seeds.root(unroll_number))
        run = outer.run

        def difference(e, k=unroll_number * LEN_UNROLL):
            ends = [drift_loss(START + k * phi, phi, LEN_UNROLL) for phi in (PHI + e, PHI - e)]
            return ends[0] - ends[1]

        pairs = [e * difference(e) / (2 * STD**2) for e in epsilons]
        np.testing.assert_allclose(outer.gradients[0], np.mean(pairs, 0), rtol=1e-9)


def test_the_first_estimate_of_pes_is_that_of_es():
    problem, network = Bowl(START), Drift(PHI)
    run = unroll.start(problem, network, seeds.root(1))
    outer = []
    for name in ("es", "pes"):
        made, call = estimator_on(problem, network, name, LEN_UNROLL, perturbation_std=STD, perturbations=4)
        outer.append(call(made.begin(run), seeds.root(2)).gradients[0])
    np.testing.assert_allclose(*outer, rtol=1e-9)


def moments_of(samples):
    """Moments over the first axis of `[N, M]`, all M trials side by side as weights."""
    moments = Moments.of_none([tf.Variable(samples[0])])
    for sample in samples:
        moments = moments.add([tf.constant(sample)])
    return moments


def test_moments_are_numpys_and_leave_out_what_is_not_finite():
    samples = np.random.default_rng(0).normal(3.0, 1.0, (6, 4))
    moments = moments_of(np.insert(samples, 2, [1.0, np.nan, 2.0, 3.0], axis=0))
    assert int(moments.count) == 6
    np.testing.assert_allclose(moments.mean()[0], samples.mean(0), rtol=1e-12)
    np.testing.assert_allclose(moments.variance_of_mean()[0], samples.var(0, ddof=1) / 6, rtol=1e-12)


@pytest.mark.parametrize("ratio", [1e-6, 0.01, 0.1, 0.5, 1.0, 3.0, 100.0])
@pytest.mark.parametrize("pairs", [8, 16])
def test_the_mix_has_at_most_the_variance_of_its_better_parent(ratio, pairs):
    generator = np.random.default_rng(1)
    left = generator.normal(1.0, 1.0, (pairs, 20_000))
    right = generator.normal(1.0, np.sqrt(ratio), (pairs, 20_000))
    mix = mixed(moments_of(left), moments_of(right))[0].numpy()
    assert mix.mean() == pytest.approx(1.0, abs=0.01)
    assert mix.var() <= 1.05 * min(1.0, ratio) / pairs


def test_the_mix_takes_the_parent_that_is_finite():
    some, none = moments_of(np.array([[1.0], [3.0]])), moments_of(np.array([[1.0], [np.nan]]))
    assert mixed(some, none)[0].numpy() == mixed(none, some)[0].numpy() == [2.0]
    assert np.isnan(mixed(none, none)[0].numpy())
    constant = moments_of(np.array([[5.0], [5.0]]))
    assert mixed(some, constant)[0].numpy() == mixed(constant, some)[0].numpy() == mixed(constant, constant)[0] == [5.0]


def test_members_have_what_the_network_holds_beside_its_weights():
    """A rate that is no weight is that of the network when the members run, not when they were made."""

    class Scaled(Drift):
        def __init__(self, phi):
            super().__init__(phi)
            self.rate = tf.Variable(1.0, trainable=False, dtype=tf.float64, name="rate")

        def __call__(self, observation, state):
            return dict.fromkeys(observation.gradients, self.rate * self.phi), state

    problem, network = Bowl(START), Scaled(PHI)
    es, call = estimator_on(problem, network, "es", LEN_UNROLL, perturbation_std=STD, perturbations=4)
    run = es.begin(unroll.start(problem, network, seeds.root(0)))
    assert np.any(np.abs(call(run, seeds.root(1)).gradients[0]) > 0.1)
    network.rate.assign(0.0)
    np.testing.assert_allclose(call(run, seeds.root(1)).gradients[0], np.zeros(3), atol=1e-9)
