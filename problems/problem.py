"""The Problem contract: what an optimizee is."""

import abc
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from problems import catalogue
from problems.configurable import Configurable, parameters

Parameters = dict[str, tf.Tensor]


class Problem(Configurable, abc.ABC):
    """A distribution over functions to minimise, as pure functions over tensors.

    A problem owns no variables: everything it needs reaches it as an argument, so one traced graph serves
    every draw. Seeds are int32 tensors of shape `[2]`, as `tf.random.stateless_*` takes them; equal seeds give
    equal results.

    Its options are said once, in its constructor's signature: see `Configurable`. What they may be is said in
    `catalogue.VALUES`, for all problems of this package and subclasses of them.

    Attributes:
      name: what `problems.get` knows the problem by, or `package.module:attribute`.
      options: the JSON-able keyword arguments that `problems.get(name, **options)` rebuilds it from.
      held_out_splits: the data splits that `held_out_loss` accepts; empty where there is no data.
      averaged_splits: those that `averaged_loss` accepts.
      written: by the name of a function of the problem, the one of the user's that it calls, where there is one.
      normaliser: what `normalise` brings the loss to one scale by, which all problems share; None where there is none.
      function_axis: the axis of every parameter that counts independent functions drawn together (the
        quadratic's 128), or None where a draw is one function.
    """

    name: str
    held_out_splits: tuple[str, ...] = ()
    averaged_splits: tuple[str, ...] = ()
    function_axis: int | None = None
    normaliser: Any = None
    written: Mapping[str, Callable] = MappingProxyType({})

    @classmethod
    def _entered(cls, options):
        ours = cls._of_package("problems.")
        return catalogue.enter(getattr(ours, "name", ours.__name__), options, tuple(parameters(ours)))

    @classmethod
    def _plain(cls, option: str, value: Any) -> Any:
        if isinstance(value, Problem):
            return {"name": value.name, "options": value.options}
        if option == "problems" and all(isinstance(each, Problem) for each in value):
            return [cls._plain("problem", each) for each in value]
        return super()._plain(option, value)

    def sample(self, seed: tf.Tensor) -> Any:
        """Draws a function f: a nest of tensors, e.g. the quadratic's W and y. Empty where f is fixed."""
        del seed
        return ()

    @abc.abstractmethod
    def initial_parameters(self, instance: Any, seed: tf.Tensor) -> Parameters:
        """Draws theta_0 for `instance`: name to tensor, in creation order."""

    @abc.abstractmethod
    def loss(self, parameters: Parameters, instance: Any, seed: tf.Tensor) -> tf.Tensor:
        """The scalar f(theta). Where f is an expectation over data, `seed` draws the minibatch."""

    def validation_loss(self, parameters: Parameters, instance: Any, seed: tf.Tensor) -> tf.Tensor:
        """The loss on a minibatch of data that `loss` never draws.

        Raises:
          NotImplementedError: the problem has no validation data.
        """
        raise NotImplementedError(f"The problem {self.name!r} has no validation data.")

    def outer_validation_loss(self, parameters: Parameters, instance: Any, seed: tf.Tensor) -> tf.Tensor:
        """What an optimizer is trained for where that is not `loss`; `validation_loss` unless a problem has data apart.

        With data of its own, an optimizer may look at `validation_loss` and not be trained on what it saw.

        Raises:
          NotImplementedError: the problem has no validation data.
        """
        return self.validation_loss(parameters, instance, seed)

    def held_out_loss(self, parameters: Parameters, instance: Any, split: str) -> tf.Tensor:
        """The mean loss over the whole of a held-out split, one of `held_out_splits`.

        Raises:
          ValueError: `split` is not one of them.
        """
        raise ValueError(
            f"The problem {self.name!r} has no held-out split {split!r}; it has {list(self.held_out_splits)}."
        )

    def normalise(self, loss: tf.Tensor) -> tf.Tensor:
        """Losses on a scale that all problems share: 1 at the start, 0 at the best that is known.

        Raises:
          NotImplementedError: the problem has no `normaliser`.
        """
        raise NotImplementedError(f"The problem {self.name!r} has no normaliser.")

    def statistics(self, parameters: Parameters, instance: Any, seed: tf.Tensor) -> Any:
        """What a run keeps running averages of: a nest of tensors, on the minibatch that `loss` draws with `seed`.

        Raises:
          NotImplementedError: the problem has nothing of the kind.
        """
        raise NotImplementedError(f"The problem {self.name!r} keeps no running averages.")

    def averaged_loss(self, parameters: Parameters, instance: Any, split: str, averages: Any) -> tf.Tensor:
        """As `held_out_loss`, by running averages of the `statistics` of a run.

        Raises:
          ValueError: `split` is not one of `averaged_splits`.
        """
        raise ValueError(
            f"The problem {self.name!r} has no split {split!r} for running averages; it has "
            f"{list(self.averaged_splits)}."
        )


def split_seed(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """`count` independent seeds of shape `[2]` from one."""
    return tf.unstack(tf.random.split(_without_sign(seed), count), num=count)


def draw_rows(seed: tf.Tensor, count: int, num_rows: int) -> tf.Tensor:
    """`count` row numbers of a minibatch, int32, IID uniform in 0 ... num_rows - 1."""
    return tf.random.stateless_uniform([count], _without_sign(seed), 0, num_rows, tf.int32)


def _without_sign(seed: tf.Tensor) -> tf.Tensor:
    # XLA draws the same integers as TensorFlow only from seeds that are not negative.
    return tf.bitwise.bitwise_and(tf.convert_to_tensor(seed, tf.int32), tf.int32.max)
