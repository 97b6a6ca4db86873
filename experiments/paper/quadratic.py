"""Random quadratics of 10 dimensions (figure 4, left): the learned optimizer against tuned hand-designed ones.

The paper draws W and y from a Gaussian, the original code uniformly; 100 steps as in training, and 200.
"""

from experiments.shared.study import Part, Study, Training

SETTINGS = {
    "networks": {
        "cw": {
            "net": "CoordinateWiseDeepLSTM",
            "net_options": {"layers": [20, 20], "preprocess_options": {"gain": 10.0}, "scale": 0.1},
        }
    },
    "num_epochs": 400,
    "num_steps": 100,
    "unroll_length": 20,
    "second_derivatives": True,
    "learning_rate": 0.002,
    "learning_rate_decay": 0.05,
    "clip_norm": 10.0,
    "average_decay": 0.98,
    "evaluation_period": 50,
}
OPTIONS: dict[str, dict[str, str]] = {"uniform": {}, "gaussian": {"draw": "gaussian"}}

STUDY = Study(
    trainings=tuple(
        Training(f"quadratic-{draw}", "quadratic", {**SETTINGS, "problem_options": options}, seeded_weights=False)
        for draw, options in OPTIONS.items()
    ),
    parts=tuple(
        Part(
            name=f"quadratic-{draw}-{num_steps}",
            title=f"Quadratics, {draw} draws, {num_steps} steps",
            problem="quadratic",
            options=options,
            num_steps=num_steps,
            learned={"LSTM": f"quadratic-{draw}"},
        )
        for draw, options in OPTIONS.items()
        for num_steps in (100, 200)
    ),
)
