"""A task of TaskSet as a Problem."""

import importlib
from typing import Any

import tensorflow as tf

from problems.held_out import mean_over_rows
from problems.problem import Problem, draw_rows, split_seed
from problems.taskset import options, published
from problems.taskset.data.images import Images
from problems.taskset.data.source import Source
from problems.taskset.data.texts import Texts
from problems.taskset.families.optimizee import Optimizee

_HELD_OUT_BATCH = 500
_HELD_OUT_LOGITS = 2**24  # Of a batch of held-out texts, so that large vocabularies fit.
_HELD_OUT_DRAWS = 50
_TRAIN = "train"


class Task(Problem):
    """f(theta) of one configuration (Metz et al. 2020, "Using a thousand optimization tasks to learn hyperparameter
    search strategies").

    There is one f and one set of data: `sample` is empty. Data has four roles: `loss` draws minibatches of "train",
    `validation_loss` of "validation", what an optimizer may look at, and `outer_validation_loss` of "outer_validation",
    what one is trained for; `held_out_loss` takes all of "validation", "outer_validation" or "test". A function without
    data is itself in every role, and where it is random its held-out loss is the mean of 50 draws.

    A population that draws for itself, as TensorFlow cannot draw in a vectorised loop, has `draw` and `loss_of`:
    `loss(p, (), seed) == loss_of(p, draw("train", seed))`, and `loss_of` draws nothing.

    Losses of tasks are on scales of their own. A task of the published list has a `normaliser`, by which `normalise`
    brings them to one: 1 at the start, 0 at the best that Adam found.

    Args:
      config: as `sample` gives one.
      data_dir, download: as `datasets.load` takes them.

    Attributes:
      normaliser: of `published.normaliser`; None where the task has none.

    Raises:
      ValueError: no configuration.
      DatasetNotPreparedError: its data is not there.
    """

    name = "taskset"
    held_out_splits = ("validation", "outer_validation", "test")

    def __init__(self, config: dict[str, Any], data_dir: str | None = None, download: bool = False):
        options.check_config(config)
        self.options = {"config": config, "data_dir": data_dir, "download": download}
        self.config = config
        self.normaliser: published.Normaliser | None = published.normaliser(config)
        module, _, attribute = options.ALL_FAMILIES[config["family"]].home.partition(":")
        family = getattr(importlib.import_module(f"problems.taskset.families.{module}"), attribute)
        try:
            self._optimizee: Optimizee = family(config)
        except (KeyError, TypeError) as error:
            raise options.unknown_field(config, error) from error
        self._source: Source | None = _source(config, data_dir, download) if self._optimizee.has_data else None

    def initial_parameters(self, instance, seed):
        return self._optimizee.initial_parameters(seed)

    def loss(self, parameters, instance, seed):
        return self.loss_of(parameters, self.draw(_TRAIN, seed))

    def validation_loss(self, parameters, instance, seed):
        return self.loss_of(parameters, self.draw("validation", seed))

    def outer_validation_loss(self, parameters, instance, seed):
        return self.loss_of(parameters, self.draw("outer_validation", seed))

    def draw(self, role: str, seed: tf.Tensor) -> tuple[Any, Any]:
        """All that is random in a loss of that role: the minibatch, and the random numbers beside it."""
        rows_seed, batch_seed, noise_seed = split_seed(seed, 3)
        if self._source is None:
            return (), self._optimizee.noise((), noise_seed)
        examples = draw_rows(rows_seed, self._source.batch_size, self._source.count(role))
        batch = self._source.batch(role, examples, batch_seed)
        noise = self._optimizee.noise if role == _TRAIN else self._optimizee.evaluation_noise
        return batch, noise(batch, noise_seed)

    def loss_of(self, parameters, drawn: tuple[Any, Any]) -> tf.Tensor:
        """The loss on what `draw` gave."""
        return self._optimizee.loss(parameters, *drawn)

    def normalise(self, loss: tf.Tensor) -> tf.Tensor:
        """(loss - best) / (initial - best), cut to -2 ... 2, of losses of any shape; what is not finite counts as 2.

        Where it is cut, the gradient is 0.

        Raises:
          ValueError: the task has no normaliser.
        """
        if self.normaliser is None:
            raise ValueError(
                "Losses are normalised on tasks of taskset.published_tasks(), whose configurations have a normaliser. "
                f"Received: a task of the family {self.config['family']} without one."
            )
        best, initial = self.normaliser.best, self.normaliser.initial
        scaled = (loss - tf.cast(best, loss.dtype)) / tf.cast(initial - best, loss.dtype)
        finite = tf.math.is_finite(scaled)
        # The inner choice keeps NaN from the gradient of what is not taken.
        cut = tf.clip_by_value(tf.where(finite, scaled, tf.zeros_like(scaled)), published.LOWEST, published.HIGHEST)
        return tf.where(finite, cut, tf.cast(published.HIGHEST, loss.dtype))

    def held_out_loss(self, parameters, instance, split):
        if split not in self.held_out_splits:
            return super().held_out_loss(parameters, instance, split)
        if self._source is None:
            count = _HELD_OUT_DRAWS if self._optimizee.random else 1
            return mean_over_rows(
                lambda first, end, number: self.loss_of(parameters, self.draw(split, tf.stack([number, 0]))),
                count,
                1,
                tf.float32,
            )
        source = self._source

        def losses(first, end, number):
            seeds = split_seed(tf.stack([number, 0]), 2)
            batch = source.batch(split, tf.range(first, end), seeds[0])
            mean = self._optimizee.loss(parameters, batch, self._optimizee.evaluation_noise(batch, seeds[1]))
            return mean * tf.cast(end - first, tf.float32)

        batch = max(1, min(_HELD_OUT_BATCH, _HELD_OUT_LOGITS // _logits(self.config)))
        return mean_over_rows(losses, source.count(split), batch, tf.float32)


def from_options(
    family: str | None = None,
    seed: int | None = None,
    data: str = "prepared",
    config: dict[str, Any] | None = None,
    data_dir: str | None = None,
    download: bool = False,
) -> Task:
    """A task by its configuration, or by family and number, for `problems.get`.

    Args:
      family, seed, data: as `sample` takes them.
      config: in place of them.
      data_dir, download: as `datasets.load` takes them.

    Raises:
      ValueError: neither or both; see also `Task` and `sample`.
    """
    given = {"family": family, "seed": seed, "config": config}
    given = {name: value for name, value in given.items() if value is not None}
    return Task(options.resolve({**given, "data": data} if data != "prepared" else given)["config"], data_dir, download)


def _source(config: dict[str, Any], data_dir: str | None, download: bool) -> Source:
    if config["data"]["kind"] == "images":
        return Images(config["data"], data_dir, download)
    return Texts(config["data"], config["vocabulary"], data_dir, download)


def _logits(config: dict[str, Any]) -> int:
    """The numbers that an example needs at once in its largest tensor, where that is large."""
    return config["data"]["patch"] * config["vocabulary"] if config["data"]["kind"] == "language" else 1
