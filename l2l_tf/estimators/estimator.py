"""The Estimator contract: how the gradient of the meta-loss for phi is estimated."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from l2l_tf.unrolling.run import Run
from l2l_tf.unrolling.unroll import OuterGradient


def _as_it_is(run: Run) -> Run:
    return run


@dataclasses.dataclass(frozen=True, eq=False)
class Estimator:
    """From a run and a seed to the outer gradient over one unroll, and the run carried on by it.

    Meta-loss, losses and run are those of phi as it is, whatever is perturbed for the gradient, so that they compare
    across estimators. A gradient without any finite member is not finite: the outer optimizer drops and counts it.

    Attributes:
      estimate: `(run, seed) -> OuterGradient`; equal seeds give equal estimates. phi is only read.
      begin: from a fresh run to one that also holds what the estimator carries from unroll to unroll, in
        `run.carried`. Called once at the start of every run.
      concurrent: whether several estimates may be made at the same time. Not where members are run under one copy of
        the network that is given each member's weights in turn.
    """

    estimate: Callable[[Run, tf.Tensor], OuterGradient]
    begin: Callable[[Run], Run] = _as_it_is
    concurrent: bool = False

    def __call__(self, run: Run, seed: tf.Tensor) -> OuterGradient:
        return self.estimate(run, seed)
