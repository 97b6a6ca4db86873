"""Residual networks on CIFAR-10 under learned optimizers, beside Keras's Adam and SGD, by step and by second."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from experiments.shared import beside_adam, contenders
from experiments.shared.cells import Cells, version
from l2l_tf.commands import command_line
from l2l_tf.evaluation import figures, report
from problems import datasets

DESCRIPTION = """Residual networks with bottlenecks and batch normalisation on CIFAR-10: 14 layers on images of 32 x 32,
or 35 layers on the same images enlarged to 64 x 64, which the talk has for ImageNet. Rules, told nothing and told the
number of steps, beside Adam and SGD with momentum 0.9, each at five rates that do not change along the run.

  python -m experiments resnet --optimizer=general --num_steps=1000
  python -m experiments resnet --depth=35 --num_steps=200

Every run is a line of cells.jsonl in --output as it ends: the same command goes on with those that are left."""

FLAGS = flags.FlagValues()
flags.DEFINE_list("optimizer", ["general"], "Names of pretrained rules, or folders of saved optimizers.", FLAGS)
flags.DEFINE_enum("depth", "14", ["14", "35"], "Layers.", FLAGS)
flags.DEFINE_integer(
    "size", None, "Pixels of a side; by default 32 for 14 layers, 64 for 35.", 16, 256, flag_values=FLAGS
)
flags.DEFINE_integer("num_steps", 200, "Steps of each run; the talk has 10,000.", 1, 10**7, flag_values=FLAGS)
flags.DEFINE_integer("batch_size", 32, "Images of a minibatch.", 2, 10_000, flag_values=FLAGS)
flags.DEFINE_integer("num_seeds", 1, "Of weights and minibatches: 0, 1, ...", 1, 1_000, flag_values=FLAGS)
flags.DEFINE_integer("test_images", 2_000, "How many of the test images are looked at.", 1, 10_000, flag_values=FLAGS)
flags.DEFINE_string("output", None, "Folder for what is written; by default results/resnet-DEPTH.", FLAGS)
flags.DEFINE_bool("quick", False, "In miniature, to see it run: in runs/quick unless --output is given.", FLAGS)
flags.DEFINE_string("data_dir", None, "Folder of TensorFlow Datasets; by default L2L_DATA_DIR, then TFDS's own.", FLAGS)
flags.DEFINE_bool("download", False, "Fetch data that is missing.", FLAGS)
flags.DEFINE_enum("threads", "auto", ["auto", "default"], "Of TensorFlow: auto takes one.", FLAGS)
flags.DEFINE_bool("debug", False, "Show the traceback of every error.", FLAGS)

ADAM, SGD = "Adam", "SGD, momentum 0.9"
RATES = {ADAM: (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), SGD: (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)}
_QUICK = {ADAM: (1e-3,), SGD: (3e-2,)}
_POINTS = 10  # The last of them is the mean of the last tenth of the steps.
FIELDS = ("train", "test", "accuracy", "seconds")


class Way(NamedTuple):
    """One way to train.

    Attributes:
      optimizer: a rule's name, `ADAM` or `SGD`.
      rate: a learning rate, or None of a rule.
      told: whether a rule is told the number of steps.
      version: of a rule's weights.
    """

    optimizer: str
    rate: float | None = None
    told: bool = False
    version: str | None = None

    @property
    def name(self) -> str:
        """In the table."""
        return self.optimizer + (", told" if self.told else "") + (f", {self.rate:g}" if self.rate else "")

    @property
    def learned(self) -> bool:
        return self.rate is None


# Curves of a way to train by field, each `[seeds, points]`; infinite where a loss is not finite.
Found = dict[str, np.ndarray]


def main():
    folders = contenders.optimizers(FLAGS.optimizer or ())
    if not folders:
        raise ValueError("--optimizer is needed: names of pretrained rules, or folders of saved optimizers.")
    if not FLAGS.download:
        datasets.check_present("cifar10", FLAGS.data_dir)
    depth = int(FLAGS.depth)
    FLAGS.output = FLAGS.output or f"results/resnet-{depth}"
    size = FLAGS.size or {14: 32, 35: 64}[depth]
    num_steps, num_seeds, batch_size = (
        (4, 1, 4) if FLAGS.quick else (FLAGS.num_steps, FLAGS.num_seeds, FLAGS.batch_size)
    )
    output = beside_adam.output_folder(FLAGS)
    tf = command_line.import_tensorflow(1 if FLAGS.threads == "auto" else None)
    tf.get_logger().setLevel("ERROR")
    made = _Made(depth, size, batch_size, 8 if FLAGS.quick else FLAGS.test_images, folders)
    cells = Cells(output)
    found: dict[Way, Found] = {}
    for way in ways(folders, _QUICK if FLAGS.quick else RATES):
        own = []
        for seed in range(num_seeds):
            about = {"layers": depth, "size": size, "batch_size": batch_size, "test_images": made.test_images}
            key = {**about, **way._asdict(), "steps": num_steps, "seed": seed}
            if not cells.has(key):
                course = made.trainer(way).run(seed, num_steps, _POINTS, made.start(way, num_steps))
                curves = {name: [_finite(x) for x in values] for name, values in course._asdict().items()}
                cells.add(key, {**curves, "parameters": made.classifier.num_parameters})
            own.append(cells.get(key))
        found[way] = _curves(own)
        losses = (f"{name} {_number(last(found[way], name))}" for name in FIELDS)
        print(f"{way.name}: {', '.join(losses)}", flush=True)
    steps, parameters = own[0]["steps"], own[0]["parameters"]
    enlarged = f", enlarged to {size} x {size}" if size != 32 else ""
    how = (
        f"{depth} layers, {parameters:,} parameters, CIFAR-10 of 32 x 32{enlarged}, batches of {batch_size}, "
        f"{num_steps:,} steps (the talk: 10,000), seeds: {num_seeds}; no augmentation. Training loss: of the last "
        f"tenth of the steps; test: of {made.test_images:,} images at the end. The last column: the training loss when "
        "Adam with the rate that is best by step has ended, by the seconds of training alone. Rates are constant; Adam "
        "and SGD are tuned on these very runs. Bold: at or below both of them at their best rates."
    )
    results = {
        "layers": depth,
        "size": size,
        "num_steps": num_steps,
        "num_seeds": num_seeds,
        "batch_size": batch_size,
        "steps": steps,
        "runs": {way.name: as_json(way, found) for way in found},
    }
    title = f"A residual network of {depth} layers on CIFAR-10"
    beside_adam.write(output, f"{title}\n\n{table(found)}\n\n{how}", figure(found, steps), results)


class _Made:
    """What runs need, made when the first of them does."""

    def __init__(self, depth: int, size: int, batch_size: int, test_images: int, folders: Mapping[str, Path]):
        self._arguments = (depth, size, batch_size)
        self.test_images = test_images
        self._folders = folders
        self._classifier: Any = None
        self._trainers: dict[str, Any] = {}
        self._optimizers: dict[str, Any] = {}

    @property
    def classifier(self) -> Any:
        if self._classifier is None:
            from experiments.talk import keras_runs, resnet_models

            depth, size, batch_size = self._arguments
            train = datasets.load("cifar10", "train", FLAGS.data_dir, FLAGS.download)
            test = [x[: self.test_images] for x in datasets.load("cifar10", "test", FLAGS.data_dir, FLAGS.download)]
            self._classifier = keras_runs.Classifier(
                lambda: resnet_models.build(depth, size), train, test, size, batch_size
            )
        return self._classifier

    def trainer(self, way: Way) -> Any:
        """One for all rates of an optimizer, and for a rule that is told and is not."""
        if way.optimizer not in self._trainers:
            from experiments.talk import keras_runs

            self._optimizers[way.optimizer] = optimizer = self._optimizer(way)
            self._trainers = {way.optimizer: keras_runs.Trainer(self.classifier, optimizer)}  # One at a time.
        return self._trainers[way.optimizer]

    def start(self, way: Way, num_steps: int) -> Callable[[], None]:
        """Sets the rate, or tells the number of steps."""

        def begin():
            optimizer = self._optimizers[way.optimizer]
            if way.learned:
                optimizer.total_steps = num_steps if way.told else None
            else:
                optimizer.learning_rate = way.rate

        return begin

    def _optimizer(self, way: Way) -> Any:
        import keras

        from l2l_tf import LearnedOptimizer

        if way.learned:
            return LearnedOptimizer(str(self._folders[way.optimizer]))
        return keras.optimizers.Adam() if way.optimizer == ADAM else keras.optimizers.SGD(momentum=0.9)


def ways(folders: Mapping[str, Path], rates: Mapping[str, Sequence[float]]) -> list[Way]:
    """Each rule, not told and told, and the classic optimizers at their rates."""
    rules = [Way(name, None, told, version(folder)) for name, folder in folders.items() for told in (False, True)]
    return rules + [Way(name, rate) for name, own in rates.items() for rate in own]


def last(own: Found, field: str) -> float:
    """The mean over seeds at the end."""
    return float(own[field][:, -1].mean())


def best(found: Mapping[Way, Found], optimizer: str, field: str) -> Way:
    """A classic optimizer at the rate with the lowest final loss `field`."""
    return min((way for way in found if way.optimizer == optimizer), key=lambda way: last(found[way], field))


def by_then(own: Found, seconds: float) -> float:
    """The training loss at that second, between the points at which it was measured, the mean over seeds."""
    return float(np.mean([np.interp(seconds, s, loss) for s, loss in zip(own["seconds"], own["train"])]))


def table(found: Mapping[Way, Found]) -> str:
    """A row a way, in Markdown."""
    tuned = {field: min(last(found[best(found, name, field)], field) for name in (ADAM, SGD)) for field in FIELDS[:2]}
    moment = last(found[best(found, ADAM, "train")], "seconds")
    rows = [["optimizer", "training loss", "test loss", "accuracy", "seconds", "training loss by then"]]
    for way, own in found.items():
        losses = [last(own, field) for field in ("train", "test")]
        bold = [way.learned and loss <= tuned[field] for loss, field in zip(losses, tuned)]
        cells = [f"**{_number(loss)}**" if b else _number(loss) for loss, b in zip(losses, bold)]
        accuracy, seconds = f"{last(own, 'accuracy'):.1%}", f"{last(own, 'seconds'):.0f}"
        rows.append([way.name, *cells, accuracy, seconds, _number(by_then(own, moment))])
    return report.aligned(rows)


def as_json(way: Way, found: Mapping[Way, Found]) -> dict[str, Any]:
    """What `results.json` says of a way."""
    moment = last(found[best(found, ADAM, "train")], "seconds")
    return {
        **way._asdict(),
        "learned": way.learned,
        "by_then": _finite(by_then(found[way], moment)),
        **{field: [_finite(x) for x in found[way][field].mean(0)] for field in FIELDS},
    }


def figure(found: Mapping[Way, Found], steps: Sequence[int]) -> Any:
    """Training losses by step and by second, and test losses by step; Adam and SGD at the best of their rates."""
    from matplotlib.figure import Figure

    plot = Figure(figsize=(14, 4.2), layout="constrained")
    panels = plot.subplots(1, 3)
    for axes, (field, by_time) in zip(panels, (("train", False), ("train", True), ("test", False))):
        shown = [way for way in found if way.learned] + [best(found, name, field) for name in (ADAM, SGD)]
        for way, color in zip(shown, figures.colors(len(shown))):
            own = found[way]
            along = own["seconds"].mean(0) if by_time else steps
            mean = own[field].mean(0)
            axes.plot(
                along,
                np.where(np.isfinite(mean), mean, np.nan),
                "-" if way.learned else "--",
                color=color,
                label=way.name,
            )
        loss = {"train": "training loss", "test": "test loss"}[field]
        axes.set(xlabel="seconds" if by_time else "step", ylabel=loss)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=7)
    return plot


def _curves(own: Sequence[Mapping[str, Any]]) -> Found:
    return {name: np.array([[math.inf if x is None else x for x in cell[name]] for cell in own]) for name in FIELDS}


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "diverged"


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
