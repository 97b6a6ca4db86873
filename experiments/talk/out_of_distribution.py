"""Other image sizes, other images and other networks than a rule was trained on, beside Adam at 8 rates."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.shared import beside_adam, contenders
from experiments.shared.beside_adam import Measured
from experiments.shared.cells import Cells
from l2l_tf.commands import command_line
from l2l_tf.evaluation import figures, report
from problems import datasets

DESCRIPTION = """Classifiers of images: from 8 x 8 pixels to 28 x 28, from MNIST to Fashion-MNIST and CIFAR-10, from
dense networks to convolutional ones and back. Rules beside Adam at the best of 8 learning rates.

  python -m experiments out_of_distribution --optimizer=mnist_adafactor"""

FLAGS = beside_adam.define_flags("out_of_distribution", ["mnist_adafactor"], num_steps=200, num_draws=2)


class Case(NamedTuple):
    """A classifier of images, in grey.

    Attributes:
      dataset: of TFDS.
      side: pixels; images are shrunk to it.
      layers: hidden sizes of a perceptron with ReLU, at the end of the convolutions where there are any.
      convolutions: channels of each.
    """

    dataset: str
    side: int
    layers: tuple[int, ...]
    convolutions: tuple[int, ...] = ()


# By what differs from case to case.
CASES: dict[str, dict[str, Case]] = {
    "size": {f"MNIST, {side} x {side}": Case("mnist", side, (32,)) for side in (8, 14, 28)},
    "images": {
        f"{title}, 8 x 8": Case(name, 8, (32,))
        for title, name in (("Fashion-MNIST", "fashion_mnist"), ("CIFAR-10", "cifar10"))
    },
    "size and images": {
        f"{title}, 28 x 28": Case(name, 28, (32,))
        for title, name in (("Fashion-MNIST", "fashion_mnist"), ("CIFAR-10", "cifar10"))
    },
    "network": {
        "MNIST, 8 x 8, four layers": Case("mnist", 8, (32,) * 4),
        "MNIST, 8 x 8, convnet": Case("mnist", 8, (), (8, 8)),
        "MNIST, 28 x 28, convnet": Case("mnist", 28, (), (8, 8)),
        "CIFAR-10, 28 x 28, convnet": Case("cifar10", 28, (), (8, 8)),
    },
}


def main():
    folders = contenders.optimizers(FLAGS.optimizer or ())
    if not folders:
        raise ValueError("--optimizer is needed: names of pretrained rules, or folders of saved optimizers.")
    groups = {"size": {"MNIST, 8 x 8": CASES["size"]["MNIST, 8 x 8"]}} if FLAGS.quick else CASES
    if not FLAGS.download:
        for name in {case.dataset for cases in groups.values() for case in cases.values()}:
            datasets.check_present(name, FLAGS.data_dir)
    output = beside_adam.output_folder(FLAGS)
    tf = command_line.import_tensorflow(1)
    tf.get_logger().setLevel("ERROR")  # Every problem has functions of its own to compile, as it must.
    cells = Cells(output)
    num_steps, num_draws = (10, 1) if FLAGS.quick else (FLAGS.num_steps, FLAGS.num_draws)
    measured: dict[str, dict[str, Measured]] = {}
    for group, cases in groups.items():
        for name, case in cases.items():
            make = functools.partial(problem, case, FLAGS.data_dir, FLAGS.download)
            found = beside_adam.measure(make, folders, num_steps, num_draws, cells, case)
            measured.setdefault(group, {})[name] = found
            ratios = ", ".join(f"{rule} {beside_adam.ratio(found.ratio(rule))}" for rule in folders)
            print(f"{name}: of tuned Adam's loss: {ratios}", flush=True)
    how = (
        f"The mean loss of the last tenth of {num_steps} steps over that of Adam at the best of 8 rates on the same "
        f"draws ({num_draws}). Grey images, batches of 128, ReLU; perceptrons have a hidden layer of 32 where no other "
        "is said, convolutional networks two convolutions of 8 channels, no normalisation. theta_0 has He's variances."
    )
    results = {
        "num_steps": num_steps,
        "num_draws": num_draws,
        "cases": {
            name: {"differs": group, **groups[group][name]._asdict(), **found.as_json()}
            for group, cases in measured.items()
            for name, found in cases.items()
        },
    }
    beside_adam.write(output, f"Out of distribution\n\n{table(measured)}\n\n{how}", figure(measured), results)


def problem(case: Case, data_dir: str | None = None, download: bool = False) -> Any:
    """The case's `Problem`, its theta_0 of He's variances so that all widths start alike.

    Raises:
      DatasetNotPreparedError: its data are not there.
    """
    from problems.image import ImageClassification
    from problems.layers import ConvNet, Mlp
    from problems.problem import split_seed

    class Images(ImageClassification):
        """With weights of He's variances and biases of 0."""

        name = "images"

        def initial_parameters(self, instance, seed):
            import tensorflow as tf

            shapes = self._classifier.shapes
            return {
                name: tf.random.stateless_normal(shape, own, stddev=(2 / np.prod(shape[:-1])) ** 0.5)
                if len(shape) > 1
                else tf.zeros(shape)
                for (name, shape), own in zip(shapes.items(), split_seed(seed, len(shapes)))
            }

    if case.convolutions:
        classifier: Any = ConvNet([case.side, case.side, 1], case.convolutions, case.layers, 10, normalise=False)
    else:
        classifier = Mlp(case.side**2, case.layers, 10, "relu")
    return Images(classifier, lambda split: _images(case, split, data_dir, download))


def _images(case: Case, split: str, data_dir: str | None, download: bool):
    """All of a split: uint8 `[N, side, side, 1]`, areas averaged, and labels `[N]`."""
    import tensorflow as tf

    images, labels = datasets.load(case.dataset, split, data_dir, download)
    shrunk = []
    for part in tf.split(images, 10):
        grey = tf.reduce_mean(tf.cast(part, tf.float32), 3, keepdims=True)
        shrunk.append(tf.cast(tf.round(tf.image.resize(grey, [case.side] * 2, "area")), tf.uint8))
    return tf.concat(shrunk, 0), labels


def table(measured: Mapping[str, Mapping[str, Measured]]) -> str:
    """A row a case, in Markdown."""
    rules = list(next(iter(next(iter(measured.values())).values())).rules)
    rows = [["what differs", "problem", *(f"{rule} / tuned Adam" for rule in rules), "tuned Adam (rate)"]]
    for group, cases in measured.items():
        for name, found in cases.items():
            ratios = [beside_adam.ratio(found.ratio(rule)) for rule in rules]
            best = found.best_rate
            rows.append([group, name, *ratios, f"{found.adam[best].mean():.3f} ({best:g})"])
    return report.aligned(rows)


def figure(measured: Mapping[str, Mapping[str, Measured]]) -> Any:
    """Ratios to tuned Adam, a bar a case and rule."""
    from matplotlib.figure import Figure

    cases = {name: found for own in measured.values() for name, found in own.items()}
    rules = list(next(iter(cases.values())).rules)
    plot = Figure(figsize=(7, 1 + 0.4 * len(cases) * max(1, len(rules) / 2)), layout="constrained")
    axes = plot.add_subplot()
    height = 0.8 / len(rules)
    for i, (rule, color) in enumerate(zip(rules, figures.colors(len(rules)))):
        ratios = [min(found.ratio(rule) or np.nan, 10) for found in cases.values()]
        axes.barh(np.arange(len(cases)) + (i + 0.5) * height - 0.4, ratios, height, color=color, label=rule)
    axes.axvline(1, color="0.3", lw=1)
    axes.set_yticks(range(len(cases)), list(cases))
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="loss over that of tuned Adam")
    axes.legend(frameon=False)
    return plot
