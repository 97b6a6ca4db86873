"""How rules go on past what they were trained on: MNIST after 100, 1,000 and 10,000 steps, by step and by time.

The LSTM is trained as in the paper, on 100 steps in unrolls of 20; RNNProp, PerParameterMLP and HierarchicalLSTM on
200 in unrolls of 20; LearnedMomentum and AdafactorMLP on 200 in unrolls of 100, as the preset for mnist has it, the
latter at a smaller rate. "AdafactorMLP, long" goes on from there, on 200, 500 and then 1,000 steps; those with
"validation" do so too, for the losses of validation minibatches, and "PerParameterMLP, longer" from there on 3,000, for
those of its own. Adam and NAG are tuned for each length; run times are in results.json. The MLPs' transfer is compared
after 100 steps: 40 units, two layers, ReLU.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.paper import mnist
from experiments.paper.transfer import VARIANTS
from experiments.shared.study import Part, Study, Training
from l2l_tf import presets

ALIKE = presets.get("recommended", "mnist")
_LSTM = {"layers": [20, 20], "preprocess_name": "LogAndSign", "preprocess_options": {"k": 10}, "scale": 0.1}
_OWN = presets.NETWORKS["mnist"]
_LONG = {
    "num_steps": 1000,
    "num_steps_curriculum": [200, 500, 1000, 1000],
    "num_epochs": 80,
    "learning_rate": 0.0007,
    "learning_rate_decay": 0.1,
    "clip_norm": 0.1,
    "evaluation_epochs": 4,
}
_VALIDATION = {**_LONG, "objective": "validation"}
_LONGER = {
    **_LONG,
    "num_steps": 3000,
    "num_steps_curriculum": None,
    "num_epochs": 24,
    "learning_rate": 0.0003,
    "evaluation_period": 6,
}


class Rule(NamedTuple):
    """What is trained: a network, what its training changes about that of all, and the rule that it starts from."""

    net: str
    net_options: dict[str, Any]
    settings: dict[str, Any]
    after: str | None = None


RULES = {
    "LSTM": Rule(
        "CoordinateWiseDeepLSTM",
        _LSTM,
        {"num_epochs": 60, "num_steps": 100, "unroll_length": 20, "learning_rate": 0.001, "clip_norm": 1.0},
    ),
    "RNNProp": Rule("RNNProp", {}, _OWN["RNNProp"]),
    "LearnedMomentum": Rule("LearnedMomentum", {"layers": [20], "learning_rate": 0.5}, {}),
    "AdafactorMLP": Rule("AdafactorMLP", {}, _OWN["AdafactorMLP"]),
    "PerParameterMLP": Rule("PerParameterMLP", {}, _OWN["PerParameterMLP"]),
    "HierarchicalLSTM": Rule("HierarchicalLSTM", {}, _OWN["HierarchicalLSTM"]),
    "AdafactorMLP, long": Rule("AdafactorMLP", {}, _LONG, "AdafactorMLP"),
    "RNNProp, validation": Rule("RNNProp", {}, _VALIDATION, "RNNProp"),
    "LearnedMomentum, validation": Rule(
        "LearnedMomentum", {"layers": [20], "learning_rate": 0.5}, _VALIDATION, "LearnedMomentum"
    ),
    "AdafactorMLP, validation": Rule("AdafactorMLP", {}, _VALIDATION, "AdafactorMLP"),
    "PerParameterMLP, validation": Rule("PerParameterMLP", {}, _VALIDATION, "PerParameterMLP"),
    "PerParameterMLP, longer": Rule("PerParameterMLP", {}, _LONGER, "PerParameterMLP, validation"),
    "HierarchicalLSTM, validation": Rule("HierarchicalLSTM", {}, _VALIDATION, "HierarchicalLSTM"),
}


def trainings(prefix: str, problem: str, settings: dict[str, Any], names: Sequence[str]) -> dict[str, Training]:
    """Rule to its training on a problem, alike for all but for what `RULES` says."""
    names_of = {name: f"{prefix}-{name.replace(', ', '-')}" for name in RULES}
    return {
        name: Training(
            names_of[name],
            problem,
            {
                **settings,
                "networks": {"network": {"net": RULES[name].net, "net_options": RULES[name].net_options}},
                **RULES[name].settings,
            },
            after=names_of.get(RULES[name].after or ""),
        )
        for name in names
    }


def length(
    prefix: str, title: str, problem: str, options: dict[str, Any], num_steps: int, learned: dict[str, str]
) -> Part:
    """A comparison after `num_steps`, with test losses at every twentieth of them."""
    return Part(
        name=f"{prefix}-{num_steps}",
        title=f"{title}, {num_steps:,} steps",
        problem=problem,
        options=options,
        num_steps=num_steps,
        learned=learned,
        split="test",
        measured_at=tuple(range(num_steps // 20, num_steps, num_steps // 20)),
        last=num_steps // 10,
        by_time=True,
    )


TRAININGS = trainings("horizons", "mnist", ALIKE, list(RULES))
TRAININGS["LearnedMomentum"] = mnist.TRAINING
TRAININGS["LearnedMomentum, validation"] = TRAININGS["LearnedMomentum, validation"]._replace(after=mnist.TRAINING.name)
LEARNED = {name: training.name for name, training in TRAININGS.items()}
LENGTHS = (100, 1_000, 10_000)
OPTIONS = {"stddev": 0.1}
MLPS = ("AdafactorMLP", "AdafactorMLP, validation", "PerParameterMLP, validation")

STUDY = Study(
    trainings=tuple(TRAININGS.values()),
    parts=(
        *(length("horizons", "MNIST, 20 units", "mnist", OPTIONS, num_steps, LEARNED) for num_steps in LENGTHS),
        *(
            Part(
                name=f"horizons-mlp-{name}",
                title=f"MNIST, {title}, 100 steps",
                problem="mnist",
                options={**OPTIONS, **options},
                num_steps=100,
                learned={rule: LEARNED[rule] for rule in MLPS},
                split="test",
            )
            for name, (title, options) in VARIANTS.items()
        ),
    ),
    seeds=(0,),
    num_draws=5,
    tuning_draws=2,
    baselines=("Adam", "NAG"),
)
