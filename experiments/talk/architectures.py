"""Architectures of learned optimizers, meta-trained on the same tasks at equal compute and judged on new ones."""

from experiments.talk import meta_trainings
from experiments.talk.meta_trainings import Variant
from problems.taskset import small

DESCRIPTION = """The paper's LSTM, the talk's MLP and hierarchical rule, AdafactorMLP and ControlledMLP: each is
meta-trained on the same eleven small tasks for the same time of one core, then judged on TaskSet's tasks for choosing.

  python -m experiments architectures --minutes=30
  python -m experiments architectures --outer_steps=300 --only=ControlledMLP,AdafactorMLP"""

FLAGS = meta_trainings.define_flags("architectures")
_LSTM = {"layers": [20, 20], "preprocess_name": "LogAndSign", "preprocess_options": {"k": 10}, "scale": 0.01}
# Network to its options. All start with small steps, as a rule must that meets tasks of all scales.
NETWORKS = {
    "CoordinateWiseDeepLSTM": _LSTM,
    "PerParameterMLP": {},
    "AdafactorMLP": {},
    "HierarchicalLSTM": {},
    "ControlledMLP": {"scale": 0.002},
}
VARIANTS = {name: Variant(name, options, tuple(small.TASKS), len(small.TASKS)) for name, options in NETWORKS.items()}


def main():
    meta_trainings.run(FLAGS, VARIANTS, "Architectures at equal compute", "The rules differ in their network alone.")
