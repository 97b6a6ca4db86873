"""The fast path of meta-training: the same outer gradient as `l2l_tf.unrolling`, with the LSTMs in compiled code.

Read `l2l_tf.unrolling.unroll` to learn how it works; this wing is how to do it in less time and memory.

May import: unrolling, networks, problems. Imported by: estimators, evaluation, training, deployment, commands.
"""

from l2l_tf.fast.forward import costs_along, losses_along, statistics_along
from l2l_tf.fast.memory import DEFAULT_BUDGET, MODES
from l2l_tf.fast.outer_gradient import applies, outer_gradient
from l2l_tf.fast.population import costs_along as population_costs_along
from l2l_tf.fast.population import goes_side_by_side, takes_many_at_once

__all__ = [
    "DEFAULT_BUDGET",
    "MODES",
    "applies",
    "costs_along",
    "goes_side_by_side",
    "losses_along",
    "outer_gradient",
    "population_costs_along",
    "statistics_along",
    "takes_many_at_once",
]
