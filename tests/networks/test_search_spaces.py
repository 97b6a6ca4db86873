"""Search spaces: opt_list's published entries, and shares and ranges of what is drawn."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from l2l_tf.networks import catalogue, search_spaces
from l2l_tf.networks.search_spaces import configuration

# The first entries of the published list, to the digits printed in TaskSet's notes: rate, betas, epsilon, Nesterov,
# decoupled decay, warm-up, final, constant.
PUBLISHED = [
    (1.1948e-3, 0.93600, 0.998950, 5.876e-6, False, 1.0142e-2, 0, 0, 0.74730),
    (0.40601, 0.99724, 0.986803, 107.86, True, 1.5620e-2, 2.289e-5, 0, 0.32415),
    (2.1185e-4, 0.62297, 0.972780, 1.540e-7, False, 5.3608e-2, 1.140e-5, 1.3865e-3, 0.20993),
    (7.5315e-3, 0.69192, 0.984343, 3.593e-8, False, 3.0597e-4, 0, 9.5544e-4, 0.42249),
    (5.5697e-2, 0.97422, 0.9999809, 4.2139, False, 2.2331e-4, 0, 0, 0.52099),
    (6.9550e-3, 0.99412, 0.993046, 4.352e-7, False, 3.1423e-5, 0, 0, 0.01362),
    (2.0526e-2, 0.35731, 0.860430, 8.874e-5, True, 7.2172e-2, 0, 1.5667e-5, 0.88517),
    (5.9509e-4, 0.89130, 0.999832, 1.483e-7, True, 4.0870e-2, 8.2127e-3, 0, 0.37760),
    (5.3287e-3, 0.96047, 0.999225, 8.665e-8, True, 5.5632e-3, 0, 0, 0.17233),
    (1.2416e-3, 0.94666, 0.940666, 8.114e-8, False, 7.2577e-5, 0, 1.0076e-3, 0.47695),
    (8.1190e-3, 0.17785, 0.960334, 7.971e-2, False, 1.4885e-2, 0, 0, 0.20664),
]
ORDER = ("learning_rate", "beta_1", "beta_2", "epsilon", "nesterov", "weight_decay", "warmup", "final", "constant")


@pytest.mark.parametrize("number", range(len(PUBLISHED)))
def test_opt_list_is_the_published_one(number):
    network, options = configuration("opt_list", number, 100)
    assert (network, options["total_steps"], options.get("l2", 0)) == ("NAdamW", 100, 0)
    ours = [options.get(name, 0) for name in ORDER]
    assert ours == [pytest.approx(value, rel=6e-4, abs=0) if value else 0 for value in PUBLISHED[number]]


def test_opt_list_has_a_hundred_entries_of_a_thousand():
    assert len(set(search_spaces.OPT_LIST)) == 100
    assert set(search_spaces.OPT_LIST) <= set(range(1_000))
    # As the notes count them.
    assert sum("l2" in configuration("opt_list", i, 1)[1] for i in range(100)) == 31
    assert sum("l2" in configuration("nadamw", i, 1)[1] for i in range(1_000)) == 641


@pytest.mark.parametrize("space", search_spaces.SPACES)
def test_every_configuration_is_one_that_its_network_takes(space):
    for number in range(search_spaces.SPACES[space].size):
        network, options = configuration(space, number, 1_000)
        catalogue.enter(network, options)


@pytest.mark.parametrize(
    ("option", "low", "high", "complement"),
    [
        ("learning_rate", 1e-8, 10, False),
        ("beta_1", 1e-4, 1, True),
        ("beta_2", 1e-6, 1, True),
        ("epsilon", 1e-10, 1e3, False),
        ("linear_decay", 1e-7, 1e-4, False),
        ("exponential_decay", 1e-6, 1e-3, False),
        ("l1", 1e-8, 10, False),
        ("l2", 1e-8, 10, False),
    ],
)
def test_adam8p_draws_log_uniformly(option, low, high, complement):
    drawn = np.array([configuration("adam8p", i, 1)[1][option] for i in range(1_000)])
    place = np.log((1 - drawn if complement else drawn) / low) / math.log(high / low)
    assert place.min() > -1e-6 and place.max() < 1 + 1e-6
    counts, _ = np.histogram(place, bins=10, range=(0, 1))
    assert ((counts - 100) ** 2 / 100).sum() < 27.9  # chi-squared of 9 degrees at 99.9 %


def test_smaller_spaces_are_the_same_search_with_the_rest_at_its_default():
    for number in (0, 17):
        options = [configuration(space, number, 1)[1] for space in ("adam1p", "adam4p", "adam6p", "adam8p")]
        for less, more in itertools.pairwise(options):
            assert less.items() < more.items()


def test_adams_rates_are_fourteen_half_decades():
    rates = [configuration("adam_lr", i, 1)[1]["learning_rate"] for i in range(14)]
    np.testing.assert_allclose(np.diff(np.log10(rates)), 0.5)
    assert (rates[0], rates[-1]) == (pytest.approx(1e-6), pytest.approx(math.sqrt(10)))


@pytest.mark.parametrize(
    ("space", "number", "message"),
    [
        ("adam9p", 0, r"Search spaces are \['adam_lr', .*Received: 'adam9p'\."),
        ("opt_list", 100, r"The search space opt_list has the configurations 0 to 99\. Received: 100\."),
        ("opt_list", -1, r"Received: -1\."),
        ("nadamw", 1.0, r"Received: 1\.0\."),
        ("nadamw", True, r"Received: True\."),
    ],
)
def test_what_a_space_does_not_have_is_refused(space, number, message):
    with pytest.raises(ValueError, match=message):
        configuration(space, number, 100)


def test_needs_no_tensorflow():
    source = "import sys; from l2l_tf.networks import search_spaces; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0
