"""Rules meta-trained alike on a small convolutional network, after 100, 1,000 and 10,000 steps, by step and by time.

Two convolutions of 8 channels on CIFAR-10 without batch normalisation, 7,346 parameters. The rules and their settings
are those of `horizons`, all trained for 60 epochs, but for the size of the steps that they start with: those for MNIST
kill the rectified units, after which there is no gradient to learn from. Adam and NAG are tuned for 100 and for 1,000
steps. A search for 10,000 would take 23 runs of three to four minutes for each: there they have the rates of 1,000
steps and a quarter of them, as MNIST wants after 10,000 steps a quarter and a fifth (`horizons`).
"""

from experiments.shared.study import Study, Training
from experiments.talk import horizons

OPTIONS = {"stddev": 0.1, "conv_channels": [8, 8], "linear_layers": [], "batch_norm": False}
# Rule to how large its first steps are.
STARTS = {
    "LSTM": {"scale": 0.01},
    "RNNProp": {"scale": 0.01},
    "LearnedMomentum": {"learning_rate": 0.02},
    "AdafactorMLP": {"scale": 0.003},
    "HierarchicalLSTM": {"scale": 0.003},
}


def _training(training: Training, start: dict[str, float]) -> Training:
    networks = {
        name: {**network, "net_options": {**network["net_options"], **start}}
        for name, network in training.settings["networks"].items()
    }
    settings = {**training.settings, "networks": networks, "problem_options": OPTIONS, "num_epochs": 60}
    return training._replace(settings=settings)


TRAININGS = {
    name: _training(training, STARTS[name])
    for name, training in horizons.trainings("convnet", "cifar", horizons.ALIKE, list(STARTS)).items()
}
LEARNED = {name: training.name for name, training in TRAININGS.items()}

_RATES = {"Adam": (0.003162, 0.0007906), "NAG": (0.01778, 0.004446)}

STUDY = Study(
    trainings=tuple(TRAININGS.values()),
    parts=tuple(
        horizons.length("convnet", "Small convolutional network", "cifar", OPTIONS, num_steps, LEARNED)._replace(
            rates=_RATES if num_steps == max(horizons.LENGTHS) else {}
        )
        for num_steps in horizons.LENGTHS
    ),
    seeds=(0,),
    num_draws=3,
    tuning_draws=1,
    baselines=("Adam", "NAG"),
    # Nine rates, which with the refinements and the safety test makes 23 runs.
    grids={"Adam": (-14, -6), "NAG": (-12, -4)},
    quick_options={"conv_channels": [2, 2], "batch_size": 8},
)
