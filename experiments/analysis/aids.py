"""Training aids, one at a time: what each gives the LSTM on quadratics within its 100 steps, after 500, and rescaled.

Every training is that of the experiment quadratic with uniform draws, cut to 100 epochs, and one change. "rescaled" has
each coordinate stretched by a factor exp(U[-3, 3]), which no training sees but for that with random scaling (of 1).
Training takes as many epochs, not as long: four optimizees a step cost up to four times the time. "readable path" is no
aid: it has the outer gradients of "none" from code that rounds differently, and shows what differs by chance.
"""

from typing import Any

from experiments.paper import quadratic
from experiments.shared.study import Part, Study, Training

AIDS: dict[str, dict[str, Any]] = {
    "none": {},
    "increasing unrolls": {"unroll_schedule": "increasing"},
    "log-uniform unrolls": {"unroll_schedule": "log_uniform"},
    "curriculum": {"num_steps_curriculum": [20, 60, 100, 200]},
    "imitation": {"imitation_share": 0.25, "imitation_learning_rate": 0.2},
    "random scaling": {"random_scaling": 1.0},
    "4 optimizees": {"optimizees_per_step": 4},
    "clipped by value": {"clip_norm": None, "clip_value": 0.1},
    "log loss": {"loss_transform": "log", "clip_norm": 1.0},
    "no second derivatives": {"second_derivatives": False},
    "readable path": {"in_blocks": False},
}
_SETTINGS = {**quadratic.SETTINGS, "num_epochs": 100, "evaluation_period": 20}
TRAININGS = {
    aid: Training(f"aids-{aid.replace(' ', '_')}", "quadratic", {**_SETTINGS, **changes})
    for aid, changes in AIDS.items()
}
RESCALED = {"problem": {"name": "quadratic"}, "log_range": 3.0}
_PARTS: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "100": ("Quadratics, 100 steps", "quadratic", {}, 100),
    "500": ("Quadratics, 500 steps", "quadratic", {}, 500),
    "rescaled": ("Quadratics with rescaled coordinates, 100 steps", "scaled", RESCALED, 100),
}

STUDY = Study(
    trainings=tuple(TRAININGS.values()),
    parts=tuple(
        Part(f"aids-{name}", title, problem, options, num_steps, {aid: TRAININGS[aid].name for aid in AIDS})
        for name, (title, problem, options, num_steps) in _PARTS.items()
    ),
    num_draws=20,
    baselines=("Adam", "NAG"),
)
