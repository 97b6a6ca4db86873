"""Rules meta-trained alike on a small convolutional network, after 100, 1,000 and 10,000 steps, by step and by time.

Two convolutions of 8 channels on CIFAR-10 without batch normalisation, 7,346 parameters. The rules and their settings
are those of `horizons`, all trained for 100 epochs. Adam and NAG are tuned for each length.
"""

from experiments import horizons
from experiments.study import Study

OPTIONS = {"stddev": 0.1, "conv_channels": [8, 8], "linear_layers": [], "batch_norm": False}
NAMES = ("LSTM", "RNNProp", "LearnedMomentum", "AdafactorMLP", "HierarchicalLSTM")
TRAININGS = {
    name: training._replace(settings={**training.settings, "problem_options": OPTIONS, "num_epochs": 100})
    for name, training in horizons.trainings("convnet", "cifar", horizons.ALIKE, NAMES).items()
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
