"""Rules meta-trained alike on a small convolutional network, after 100, 1,000 and 10,000 steps, by step and by time.

Two convolutions of 8 channels on CIFAR-10 without batch normalisation, 7,346 parameters. The rules and their settings
are those of `horizons`, all trained for 60 epochs, but for the size of the steps that they start with: those for MNIST
kill the rectified units, after which there is no gradient to learn from. Adam and NAG are tuned for each length.
"""

from experiments import horizons
from experiments.study import Study, Training

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

STUDY = Study(
    trainings=tuple(TRAININGS.values()),
    parts=tuple(
        horizons.length("convnet", "Small convolutional network", "cifar", OPTIONS, num_steps, LEARNED)
        for num_steps in horizons.LENGTHS
    ),
    seeds=(0,),
    num_draws=3,
    tuning_draws=1,
    baselines=("Adam", "NAG"),
    # Nine rates, which with the refinements makes 13: a run of 10,000 steps takes minutes.
    grids={"Adam": (-14, -6), "NAG": (-12, -4)},
    quick_options={"conv_channels": [2, 2], "batch_size": 8},
)
