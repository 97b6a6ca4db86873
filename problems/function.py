"""Problems of the user's own, from a plain function.

To train on one from the command line, put it in a module of yours and name it: `--problem=package.module:name`.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from problems.problem import Parameters, Problem


class FunctionProblem(Problem):
    """What `from_function` makes."""

    def __init__(self, loss, initial_parameters, sample, name):
        self.name = name
        self.options = {}
        self._loss = _of_three(loss, sample is not None)
        if callable(initial_parameters):
            self._initial_parameters = lambda seed: _tensors(initial_parameters(seed))
        elif isinstance(initial_parameters, Mapping):
            start = _tensors(initial_parameters)
            self._initial_parameters = lambda seed: dict(start)
        else:
            raise ValueError(
                "initial_parameters is a dictionary of arrays by name, or a function from a seed to one. "
                f"Received: {type(initial_parameters).__name__}."
            )
        self._sample = sample
        self.written = {"loss": loss}
        self.written |= {"sample": sample} if sample else {}
        self.written |= {"initial_parameters": initial_parameters} if callable(initial_parameters) else {}

    def sample(self, seed):
        return self._sample(seed) if self._sample else ()

    def initial_parameters(self, instance, seed) -> Parameters:
        return self._initial_parameters(seed)

    def loss(self, parameters, instance, seed):
        return self._loss(parameters, instance, seed)


def from_function(
    loss: Callable[..., tf.Tensor],
    initial_parameters: Mapping[str, Any] | Callable[[tf.Tensor], Parameters],
    sample: Callable[[tf.Tensor], Any] | None = None,
    name: str | None = None,
) -> Problem:
    """A problem from a plain function.

    >>> import l2l_tf, problems
    >>> rosenbrock = problems.from_function(
    ...     lambda p: (1 - p["x"]) ** 2 + 100 * (p["y"] - p["x"] ** 2) ** 2, {"x": -1.0, "y": 1.0}
    ... )
    >>> curves = l2l_tf.evaluate(l2l_tf.networks.get("Adam"), rosenbrock, num_steps=3, num_draws=1)
    >>> float(curves.losses[0, 0])
    4.0

    Args:
      loss: `loss(parameters)`, `loss(parameters, instance)` or `loss(parameters, instance, seed)`, to a scalar.
        Parameters are a dictionary of tensors by name. Arguments with defaults keep them.
      initial_parameters: where every run starts, as arrays by name; or a function from a seed to one, with
        `tf.random.stateless_*` draws.
      sample: from a seed to the `instance` that `loss` is given; by default it is `()`.
      name: by default the function's.

    Raises:
      ValueError: a function of another number of arguments, or with a default for `instance` where there is a `sample`;
        initial parameters that are not by name.
    """
    return FunctionProblem(loss, initial_parameters, sample, name or getattr(loss, "__name__", "function"))


def _tensors(values: Any) -> Any:
    """Parameters as tensors; what is no dictionary of floating-point numbers by name is an error where it is used."""
    if not isinstance(values, Mapping) or any(isinstance(value, Mapping) for value in values.values()):
        return values
    return {name: tf.convert_to_tensor(value) for name, value in values.items()}


def _of_three(loss: Callable, sampled: bool) -> Callable:
    """`loss` as one of three arguments, of which it takes the first few: those without defaults."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [p for p in inspect.signature(loss).parameters.values() if p.kind in kinds]
    count = sum(p.default is p.empty for p in parameters)
    if not 1 <= count <= 3:
        raise ValueError(
            "loss takes (parameters), (parameters, instance) or (parameters, instance, seed). "
            f"Received: {inspect.signature(loss)}."
        )
    if sampled and count == 1 < len(parameters):
        raise ValueError(
            "There is a sample, and loss has a default where the instance would be: write (parameters, instance), or "
            f"(parameters) and keyword-only arguments. Received: {inspect.signature(loss)}."
        )
    return lambda *arguments: loss(*arguments[:count])
