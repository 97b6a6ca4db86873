"""Convolutional networks on CIFAR-10 and on some of its labels (figure 7), to 1,000 steps on the test images.

Three convolutions and a layer of 32 with batch normalisation; one LearnedMomentum for the kernels of the convolutions,
another for the rest. CIFAR-5 has the labels 0 to 4 and CIFAR-2 the labels 0 and 1. "LearnedMomentum-sub" is trained on
the labels 5 to 9 only, which are held out from both, as the paper's LSTM-sub is. On CIFAR-2, whose 9,000 images a run
of 1,000 steps goes through 14 times, "LearnedMomentum-sub, validation" competes too: it was trained further, for
validation losses on 4,000 images of the labels 5 to 9, where it meets overfitting. "LearnedAdam-sub" knows what step it
is and is trained in unrolls of whole runs, which are paid at their end, for validation losses on 12,000 images of the
same labels, with a smaller network and smaller batches: it can learn to anneal. The test loss is that with batches
normalised by themselves, as in the paper; the tables have that by running averages too.
"""

from experiments.shared.study import Part, Study, Training

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
_SUB_OPTIONS = {**OPTIONS, "labels": HELD_OUT}
NUM_STEPS = 1000

_WHOLE = Training("cifar-learned_momentum", "cifar-multi", {**SETTINGS, "problem_options": OPTIONS})
_SUB = Training("cifar-learned_momentum-sub", "cifar-multi", {**SETTINGS, "problem_options": _SUB_OPTIONS})
_SUB_VALIDATION = Training(
    "cifar-learned_momentum-sub-validation",
    "cifar-multi",
    {
        **SETTINGS,
        "problem_options": {**_SUB_OPTIONS, "validation_size": 42_000},
        "objective": "validation",
        "num_steps": 500,
        "num_epochs": 16,
        "learning_rate": 0.003,
        "evaluation_period": 4,
        "evaluation_epochs": 3,
    },
    after=_SUB.name,
)
_ADAM = {"net": "LearnedAdam", "net_options": {"layers": [20], "learning_rate": 0.01}}
# Unrolls of whole runs, on a smaller network: one outer gradient takes a minute and a quarter of a core.
_SUB_ADAM = Training(
    "cifar-learned_adam-sub",
    "cifar-multi",
    {
        **SETTINGS,
        "networks": {"conv": _ADAM, "fc": _ADAM},
        "problem_options": {**_SUB_OPTIONS, "validation_size": 26_000, "conv_channels": [8, 8, 8], "batch_size": 64},
        "objective": "validation",
        "num_steps": 1000,
        "unroll_length": 1000,
        "loss_weights": "last:200",
        "num_epochs": 32,
        "learning_rate": 0.02,
        "average_decay": 0.8,
        "evaluation_period": 8,
        "evaluation_epochs": 3,
    },
)
_LEARNED = {"LearnedMomentum": _WHOLE.name}
_WITH_SUB = {**_LEARNED, "LearnedMomentum-sub": _SUB.name}
_WITH_ADAM = {**_WITH_SUB, "LearnedAdam-sub": _SUB_ADAM.name}
_WITH_VALIDATION = {**_WITH_ADAM, "LearnedMomentum-sub, validation": _SUB_VALIDATION.name}
# Name of a part to its labels, None for all, and to what is learned.
SUBSETS: dict[str, tuple[list[int] | None, dict[str, str]]] = {
    "cifar-10": (None, _LEARNED),
    "cifar-5": ([0, 1, 2, 3, 4], _WITH_ADAM),
    "cifar-2": ([0, 1], _WITH_VALIDATION),
}

STUDY = Study(
    trainings=(_WHOLE, _SUB, _SUB_VALIDATION, _SUB_ADAM),
    parts=tuple(
        Part(
            name=name,
            title=f"{name.upper()}, {NUM_STEPS:,} steps",
            problem="cifar-multi",
            options={**OPTIONS, "labels": labels} if labels else OPTIONS,
            num_steps=NUM_STEPS,
            learned=learned,
            split="test",
            measured_at=(200, 400, 600, 800),
            splits=("test_running_averages",),
            # With few labels the loss that is minimised and that on test images rank optimizers differently.
            last=100 if labels else 0,
        )
        for name, (labels, learned) in SUBSETS.items()
    ),
    seeds=(0, 1),
    num_draws=10,
    tuning_draws=1,
    baselines=("NAG", "Adam", "SGD", "RMSprop"),
    # Nine rates, which with the refinements makes 13: a run takes half a minute.
    grids={"SGD": (-4, 4), "RMSprop": (-12, -4), "Adam": (-10, -2), "NAG": (-8, 0)},
    quick_options={"conv_channels": [2], "linear_layers": [4], "batch_size": 8},
)
