"""Where hyperparameters of hand-designed optimizers are searched: TaskSet's spaces, opt_list. Needs no TensorFlow.

Configuration i of a space is the same for all tasks: a space is a list that random search goes through from its start
(Metz et al. 2020, "Using a thousand optimization tasks to learn hyperparameter search strategies", appendix). The draws
of `nadamw` are those of the published list to the last bits; the other spaces have seeds of our own.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# The first hundred of opt_list: numbers of configurations in the space `nadamw`, chosen greedily for TaskSet.
OPT_LIST = (
    *(251, 611, 799, 209, 739, 713, 437, 25, 342, 743, 515, 324, 135, 705, 934, 741, 119, 770, 794, 189),
    *(829, 607, 68, 958, 700, 527, 865, 807, 364, 374, 639, 579, 494, 409, 153, 697, 797, 986, 111, 410),
    *(274, 941, 150, 853, 90, 422, 795, 937, 148, 787, 116, 336, 198, 327, 693, 390, 999, 801, 118, 385),
    *(296, 597, 726, 900, 338, 985, 249, 672, 760, 160, 507, 666, 944, 8, 604, 12, 344, 989, 261, 966),
    *(343, 247, 493, 175, 350, 17, 476, 509, 161, 813, 407, 18, 191, 58, 996, 230, 203, 621, 737, 165),
)
# Of Adam without anything else: half decades, with the best rates of ordinary tasks well inside.
ADAM_RATES = tuple(10 ** (exponent / 2) for exponent in range(-12, 2))

_NADAMW_SEED, _ADAM_SEED = 14358, 27_201


class Space(NamedTuple):
    """A list of configurations of one network.

    Attributes:
      network: its name in the catalogue.
      size: how many configurations there are.
      sample: number to the network's options, without `total_steps`.
      about: a line on it.
    """

    network: str
    size: int
    sample: Callable[[int], dict[str, Any]]
    about: str


def configuration(space: str, number: int, total_steps: int) -> tuple[str, dict[str, Any]]:
    """The network and the options of configuration `number` of a space, for runs of `total_steps`.

    >>> from l2l_tf.networks.search_spaces import configuration
    >>> network, options = configuration("opt_list", 0, 1_000)
    >>> network, round(options["learning_rate"], 7), options["total_steps"]
    ('NAdamW', 0.0011948, 1000)

    Raises:
      ValueError: an unknown space, or a number that it does not have.
    """
    check_trials(space, 1)
    network, size, sample, _ = SPACES[space]
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < size:
        raise ValueError(f"The search space {space} has the configurations 0 to {size - 1}. Received: {number!r}.")
    return network, {**sample(number), "total_steps": total_steps}


def check_trials(space: str, count: int) -> None:
    """Checks that a space has so many configurations.

    Raises:
      ValueError: it does not, or there is no such space.
    """
    if space not in SPACES:
        raise ValueError(f"Search spaces are {list(SPACES)}. Received: {space!r}.")
    size = SPACES[space].size
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= size:
        raise ValueError(f"The search space {space} has configurations for 1 to {size} trials. Received: {count!r}.")


def _nadamw(number: int) -> dict[str, Any]:
    # The order of the draws is that of the published sampler: it makes the numbers what they are.
    rng = np.random.RandomState(number + _NADAMW_SEED)
    options: dict[str, Any] = {
        "learning_rate": _log(rng, 1e-5, 1),
        "beta_1": 1 - _log(rng, 1e-3, 1),
        "beta_2": 1 - _log(rng, 1e-5, 1),
        "epsilon": _log(rng, 1e-8, 1e4),
        "nesterov": bool(rng.uniform() > 0.5),
    }
    kind = rng.uniform()
    if kind < 1 / 3 or kind >= 2 / 3:
        options["weight_decay"] = _log(rng, 1e-5, 0.1)
    if kind >= 1 / 3:
        options["l2"] = _log(rng, 1e-5, 0.1)
    if rng.uniform() > 0.5:
        options["warmup"] = _log(rng, 1e-5, 0.1)
    if not rng.uniform() > 0.5:
        options["final"] = _log(rng, 1e-5, 1)
    return {**options, "constant": float(rng.uniform())}


def _adam(number: int, hyperparameters: int) -> dict[str, Any]:
    rng = np.random.RandomState(number + _ADAM_SEED)
    options = {
        "learning_rate": _log(rng, 1e-8, 10),
        "beta_1": 1 - _log(rng, 1e-4, 1),
        "beta_2": 1 - _log(rng, 1e-6, 1),
        "epsilon": _log(rng, 1e-10, 1e3),
        "linear_decay": _log(rng, 1e-7, 1e-4),
        "exponential_decay": _log(rng, 1e-6, 1e-3),
        "l1": _log(rng, 1e-8, 10),
        "l2": _log(rng, 1e-8, 10),
    }
    return dict(list(options.items())[:hyperparameters])


def _log(rng: np.random.RandomState, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _adam_space(hyperparameters: int, about: str) -> Space:
    return Space("Adam8p", 1_000, lambda number: _adam(number, hyperparameters), about)


SPACES: dict[str, Space] = {
    "adam_lr": Space(
        "Adam8p", len(ADAM_RATES), lambda number: {"learning_rate": ADAM_RATES[number]}, "14 half decades"
    ),
    "adam1p": _adam_space(1, "a learning rate, log-uniform"),
    "adam4p": _adam_space(4, "and both betas and epsilon"),
    "adam6p": _adam_space(6, "and linear and exponential decay of the rate"),
    "adam8p": _adam_space(8, "and l1 and l2 penalties"),
    "nadamw": Space("NAdamW", 1_000, _nadamw, "with weight decay, warm-up and cosine decay"),
    "opt_list": Space(
        "NAdamW", len(OPT_LIST), lambda number: _nadamw(OPT_LIST[number]), "the best of nadamw, in order"
    ),
}
