"""How rules go on past what they were trained on: MNIST after 100, 1,000 and 10,000 steps, by step and by time.

The LSTM is trained as in the paper, on 100 steps in unrolls of 20; all others on 200 steps in unrolls of 100, as the
preset for mnist has it, the MLPs at a smaller rate and for fewer epochs. Adam and NAG are tuned for each
length; run times are in results.json. The MLPs' transfer is compared after 100 steps: 40 units, two layers, ReLU.
"""

from experiments.study import Part, Study, Training
from experiments.transfer import VARIANTS
from l2l_tf import presets

_ALIKE = presets.get("recommended", "mnist")
_LSTM = {"layers": [20, 20], "preprocess_name": "LogAndSign", "preprocess_options": {"k": 10}, "scale": 0.1}
_MLP = {"num_epochs": 150, "learning_rate": 0.001, "clip_norm": 0.1}
RULES = {
    "LSTM": (
        "CoordinateWiseDeepLSTM",
        _LSTM,
        {"num_epochs": 60, "num_steps": 100, "unroll_length": 20, "learning_rate": 0.001, "clip_norm": 1.0},
    ),
    "RNNProp": ("RNNProp", {"layers": [20]}, {}),
    "LearnedMomentum": ("LearnedMomentum", {"layers": [20], "learning_rate": 0.5}, {}),
    "AdafactorMLP": ("AdafactorMLP", {}, _MLP),
    "PerParameterMLP": ("PerParameterMLP", {}, _MLP),
}
TRAININGS = {
    name: Training(
        "mnist-learned_momentum" if name == "LearnedMomentum" else f"horizons-{name}",
        "mnist",
        {**_ALIKE, "networks": {"network": {"net": network, "net_options": options}}, **changes},
    )
    for name, (network, options, changes) in RULES.items()
}
LEARNED = {name: training.name for name, training in TRAININGS.items()}
LENGTHS = (100, 1_000, 10_000)


def _part(name, title, options, num_steps, rules):
    return Part(
        name=f"horizons-{name}",
        title=f"MNIST, {title}",
        problem="mnist",
        options={"stddev": 0.1, **options},
        num_steps=num_steps,
        learned={rule: LEARNED[rule] for rule in rules},
        split="test",
    )


STUDY = Study(
    trainings=tuple(TRAININGS.values()),
    parts=(
        *(_part(str(length), f"20 units, {length:,} steps", {}, length, RULES) for length in LENGTHS),
        *(
            _part(f"mlp-{name}", f"{title}, 100 steps", options, 100, ("AdafactorMLP", "PerParameterMLP"))
            for name, (title, options) in VARIANTS.items()
        ),
    ),
    seeds=(0,),
    num_draws=5,
    tuning_draws=2,
    baselines=("Adam", "NAG"),
)
