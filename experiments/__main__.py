"""`python -m experiments NAME`: experiments of the paper, of the talk, and looks at how rules work.

Needs no TensorFlow to list them.
"""

import functools
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from l2l_tf.commands import command_line, streams

# Name to the wing that has its module, and what it shows.
NAMES = {
    "quadratic": ("paper", "random quadratics (figure 4, left)"),
    "mnist": ("paper", "a perceptron on MNIST, to step 100 and on to 200 (figure 4, centre and right)"),
    "transfer": ("paper", "the same optimizer on 40 units, two layers, ReLU (figure 5)"),
    "sweep": ("paper", "final losses by hidden units and layers (figure 6)"),
    "horizons": ("talk", "rules on MNIST after 100, 1,000 and 10,000 steps (beyond the paper)"),
    "convnet": ("talk", "the same rules trained on a small convolutional network (beyond the paper)"),
    "taskset": ("talk", "rules and tuned optimizers by budget on TaskSet's published tasks"),
    "taskset_normalise": ("talk", "initial and best losses of TaskSet's published tasks, by Adam at 14 rates"),
    "aids": ("analysis", "training aids, one at a time, on quadratics (beyond the paper)"),
    "objectives": (
        "talk",
        "training, validation and noisy loss as outer objective on MNIST (beyond the paper)",
    ),
    "zoo": ("talk", "every pretrained rule on every kind of problem, a table and a heat map (beyond the paper)"),
    "widths": ("talk", "widths and batch sizes around those of the training (beyond the paper)"),
    "implicit_regularisation": ("talk", "which minimum of (x - y)^2 / 2 a rule goes to (beyond the paper)"),
    "out_of_distribution": ("talk", "other image sizes, images and networks than in training (beyond the paper)"),
    "self_training": ("talk", "a learned optimizer trains new ones, in outer Adam's place (beyond the paper)"),
    "resnet": ("talk", "residual networks of 14 and 35 layers on CIFAR-10, by step and by time (beyond the paper)"),
    "architectures": ("talk", "kinds of rules, trained alike at equal compute, on new tasks (beyond the paper)"),
    "more_tasks": ("talk", "rules trained on 1 to 18 tasks at equal compute, on new tasks (beyond the paper)"),
    "cifar": ("paper", "convolutional networks on CIFAR-10, CIFAR-5, CIFAR-2 (figure 7)"),
    "neural_art": ("paper", "neural art, or a picture of your own (figures 8 and 9)"),
    "updates": ("analysis", "sizes and directions of a learned optimizer's updates on MNIST, against Adam's and NAG's"),
    "told": ("analysis", "a rule that can be told how long its run is, of one that cannot"),
    "average": ("analysis", "the mean of the weights of saved optimizers, as an optimizer"),
    "outer_gradients": ("analysis", "how alike outer gradients are, from run to run and along a run"),
    "claims": ("talk", "the tables of the paper's and the talk's claims, from what the others wrote to results/"),
}


def load(name: str) -> Any:
    """The module of the experiment `name`."""
    wing, _ = NAMES[name]
    return importlib.import_module(f"experiments.{wing}.{name}")


def main(argv: Sequence[str]) -> None:
    """Runs the experiment that the first argument names."""
    streams.make_unbreakable()
    if len(argv) < 2 or argv[1].lstrip("-") in ("h", "help"):
        print("Usage: python -m experiments NAME [--flag=value ...] (NAME --help lists the flags)\n")
        print("\n".join(f"  {name:24}{about}" for name, (_, about) in NAMES.items()))
        return
    name = argv[1]
    if name not in NAMES:
        print(f"Error: Experiments are {', '.join(NAMES)}. Received: {name!r}.", file=sys.stderr)
        sys.exit(command_line.USER_ERROR)
    module = load(name)
    words = [f"-m experiments {name}", *argv[2:]]
    if hasattr(module, "STUDY"):
        from experiments.shared import study_command

        command = functools.partial(study_command.main, name, module.STUDY)
        command_line.run(command, study_command.FLAGS, module.__doc__, words)
    command_line.run(module.main, module.FLAGS, module.DESCRIPTION, words)


if __name__ == "__main__":
    main(sys.argv)
