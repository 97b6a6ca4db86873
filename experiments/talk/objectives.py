"""What the outer objective is of: training or validation loss, and validation loss under noise (Metz et al. 2019).

"small-data": MNIST with 1,000 training images, which 200 minibatches go through 25 times. "noise": Gaussian noise of
standard deviation 0.5 on the pixels of validation and test images, none on those of minibatches. In both, one rule
learns from the loss of the minibatches and one from that of validation minibatches; both see gradients of the former
only, both are chosen on validation images, and test images are what counts.
"""

from typing import Any

from experiments.shared.study import Part, Study, Training
from l2l_tf import presets

_SETTINGS = {**presets.get("recommended", "mnist"), "num_epochs": 100}
OBJECTIVES = ("training", "validation")
PROBLEMS: dict[str, tuple[str, dict[str, Any]]] = {
    "small-data": ("1,000 training images", {"stddev": 0.1, "validation_size": 59_000}),
    "noise": ("noise on held-out images", {"stddev": 0.1, "input_noise": 0.5}),
}


def _name(problem: str, objective: str) -> str:
    return f"objectives-{problem}-{objective}"


STUDY = Study(
    trainings=tuple(
        Training(_name(problem, objective), "mnist", {**_SETTINGS, "problem_options": options, "objective": objective})
        for problem, (_, options) in PROBLEMS.items()
        for objective in OBJECTIVES
    ),
    parts=tuple(
        Part(
            name=f"objectives-{problem}",
            title=f"MNIST, {title}, 200 steps",
            problem="mnist",
            options=options,
            num_steps=200,
            learned={f"{objective} loss": _name(problem, objective) for objective in OBJECTIVES},
            split="test",
        )
        for problem, (title, options) in PROBLEMS.items()
    ),
    seeds=(0, 1),
    num_draws=20,
    tuning_draws=3,
    baselines=("Adam", "NAG"),
)
