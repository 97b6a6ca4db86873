"""A perceptron on MNIST, 784-20-10 with sigmoids (figure 4, centre and right).

Learned and tuned hand-designed optimizers after 100 steps, then after 200, on the test images. All that is chosen
(the learned optimizer's weights, the others' learning rates) is chosen on validation images.
"""

from experiments.shared.study import Part, Study, Training
from l2l_tf import presets

SETTINGS = presets.get("recommended", "mnist")
TRAINING = Training("mnist-learned_momentum", "mnist", SETTINGS)
LEARNED = {"LearnedMomentum": TRAINING.name}

STUDY = Study(
    trainings=(TRAINING,),
    parts=tuple(
        Part(
            name=f"mnist-{num_steps}",
            title=f"MNIST, 20 units, {num_steps} steps",
            problem="mnist",
            options={"stddev": 0.1},
            num_steps=num_steps,
            learned=LEARNED,
            split="test",
        )
        for num_steps in (100, 200)
    ),
    num_draws=50,
    tuning_draws=5,
)
