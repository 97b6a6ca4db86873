"""Convolutional networks on CIFAR-10 and on some of its labels (figure 7), to 1,000 steps on the test images.

Three convolutions and a layer of 32 with batch normalisation; one LearnedMomentum for the kernels of the convolutions,
another for the rest. CIFAR-5 has the labels 0 to 4 and CIFAR-2 the labels 0 and 1. "LearnedMomentum-sub" is trained on
the labels 5 to 9 only, which are held out from both, as the paper's LSTM-sub is. The test loss is that with batches
normalised by themselves, as in the paper; the tables have that by running averages too.
"""

from experiments.study import Part, Study, Training

RULE = {"net": "LearnedMomentum", "net_options": {"layers": [20], "learning_rate": 0.05}}
OPTIONS = {"stddev": 0.1}
SETTINGS = {
    "networks": {"conv": RULE, "fc": RULE},
    "net_assignments": [
        ["conv", ["conv_net_2d/conv_2d_*/w"]],
        ["fc", ["conv_net_2d/conv_2d_*/b", "conv_net_2d/batch_norm_*/beta", "mlp/*"]],
    ],
    "num_epochs": 60,
    "num_steps": 200,
    "unroll_length": 100,
    "second_derivatives": True,
    "loss_transform": "log",
    "loss_weights": "mean",
    "learning_rate": 0.005,
    "learning_rate_decay": 0.1,
    "clip_norm": 0.3,
    "average_decay": 0.9,
    "evaluation_period": 10,
    "evaluation_epochs": 4,
    "rewind": 1.04,
}
HELD_OUT = [5, 6, 7, 8, 9]
SUBSETS: dict[str, list[int] | None] = {"cifar-10": None, "cifar-5": [0, 1, 2, 3, 4], "cifar-2": [0, 1]}
NUM_STEPS = 1000

_WHOLE = Training("cifar-learned_momentum", "cifar-multi", {**SETTINGS, "problem_options": OPTIONS})
_SUB = Training(
    "cifar-learned_momentum-sub", "cifar-multi", {**SETTINGS, "problem_options": {**OPTIONS, "labels": HELD_OUT}}
)

STUDY = Study(
    trainings=(_WHOLE, _SUB),
    parts=tuple(
        Part(
            name=name,
            title=f"{name.upper()}, {NUM_STEPS:,} steps",
            problem="cifar-multi",
            options={**OPTIONS, "labels": labels} if labels else OPTIONS,
            num_steps=NUM_STEPS,
            learned={"LearnedMomentum": _WHOLE.name, **({"LearnedMomentum-sub": _SUB.name} if labels else {})},
            split="test",
            measured_at=(200, 400, 600, 800),
            splits=("test_running_averages",),
        )
        for name, labels in SUBSETS.items()
    ),
    seeds=(0, 1),
    num_draws=10,
    tuning_draws=1,
    baselines=("NAG", "Adam", "SGD", "RMSprop"),
    # Nine rates, which with the refinements makes 13: a run takes half a minute.
    grids={"SGD": (-4, 4), "RMSprop": (-12, -4), "Adam": (-10, -2), "NAG": (-8, 0)},
    quick_options={"conv_channels": [2], "linear_layers": [4], "batch_size": 8},
)
