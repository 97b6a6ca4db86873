"""The estimators under conformance: a new estimator joins by adding a row."""

from typing import Any, NamedTuple

from l2l_tf import estimators
from l2l_tf.estimators import Estimator


class EstimatorCase(NamedTuple):
    """One estimator in one configuration.

    Attributes:
      name: what `estimators.get` knows it by; None for those that are made otherwise.
      options: its keyword arguments; small, so that a test takes a fraction of a second.
      perturbs: whether it draws perturbations, so that the seed matters and members can be dropped.
      aids: flags of training that its row is trained with.
      at_the_start: whether it draws them when a run begins, and not in every estimate.
    """

    name: str | None
    options: dict[str, Any]
    perturbs: bool
    aids: dict[str, Any]
    at_the_start: bool = False

    def build(self, problem, network, len_unroll, objective, **changes: Any) -> Estimator:
        options = {**self.options, **changes}
        if self.name is None:
            return estimators.imitation(problem, network, len_unroll, **options)
        return estimators.get(self.name, problem, network, len_unroll, objective, **options)


_MEMBERS = {"perturbation_std": 0.05, "perturbations": 4}

CASES = {
    "backpropagation": EstimatorCase("backpropagation", {}, False, {"unroll_schedule": "increasing", "num_steps": 4}),
    "backpropagation-exact": EstimatorCase(
        "backpropagation", {"second_derivatives": True, "in_blocks": False}, False, {"random_scaling": 1.0}
    ),
    "es": EstimatorCase("es", _MEMBERS, True, {"optimizees_per_step": 2}),
    "pes": EstimatorCase("pes", _MEMBERS, True, {"unroll_schedule": "log_uniform"}),
    "nres": EstimatorCase("nres", _MEMBERS, True, {}, at_the_start=True),
    "reparameterization": EstimatorCase(
        "reparameterization", _MEMBERS, True, {"loss_weights": "mean", "num_steps_curriculum": [2, 6]}
    ),
    "mix": EstimatorCase("mix", {**_MEMBERS, "second_derivatives": True}, True, {"loss_transform": "log"}),
    "imitation": EstimatorCase(None, {"learning_rate": 0.1}, False, {"imitation_share": 0.5}),
}
