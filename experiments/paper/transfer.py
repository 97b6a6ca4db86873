"""The optimizer trained on MNIST's perceptron on others than that: 40 units, two layers, ReLU (figure 5)."""

from experiments.paper.mnist import LEARNED, TRAINING
from experiments.shared.study import Part, Study

VARIANTS = {
    "40-units": ("40 units", {"layers": [40]}),
    "2-layers": ("two layers of 20", {"layers": [20, 20]}),
    "relu": ("20 units, ReLU", {"activation": "relu"}),
}

STUDY = Study(
    trainings=(TRAINING,),
    parts=tuple(
        Part(
            name=f"transfer-{name}",
            title=f"MNIST, {title}, 100 steps",
            problem="mnist",
            options={"stddev": 0.1, **options},
            num_steps=100,
            learned=LEARNED,
            split="test",
        )
        for name, (title, options) in VARIANTS.items()
    ),
    num_draws=50,
    tuning_draws=5,
)
