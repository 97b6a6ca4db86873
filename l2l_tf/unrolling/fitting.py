"""What a network takes from the problem that it is used on, and from its training: an axis, shapes, steps."""

import copy
from collections.abc import Mapping
from typing import Any

from l2l_tf import networks
from l2l_tf.networks import Network, catalogue
from l2l_tf.unrolling import optimizee, seeds
from problems.problem import Problem


def shapes_of(problem: Problem) -> dict[str, tuple[int, ...]]:
    """The shapes of its parameters by name."""
    seed = seeds.root(0)
    parameters = optimizee.first_parameters(problem, optimizee.drawn(problem, seed), seed)
    return {name: tuple(p.shape) for name, p in parameters.items()}


def asks_problem(net: str, net_options: Mapping[str, Any]) -> bool:
    """Whether the network of that name takes a `function_axis`, and is not given one."""
    return catalogue.takes(net, "function_axis") and "function_axis" not in net_options


def options_for(net: str, net_options: Mapping[str, Any], problem: Problem, longest_run: int) -> dict[str, Any]:
    """The options of a network that is trained on `problem`, in runs of at most `longest_run` steps.

    Which axis counts functions is the problem's to say, and where a clock stops is the training's, unless it is given.
    """
    clock = {"trained_steps": longest_run} if catalogue.takes(net, "trained_steps") else {}
    axis = {"function_axis": problem.function_axis} if asks_problem(net, net_options) else {}
    return clock | axis | dict(net_options)


def fitted(network: Network, problem: Problem) -> Network:
    """`network` with the problem's `function_axis`: itself, or one of the same variables."""
    if network.options["function_axis"] == problem.function_axis:
        return network
    other = networks.get(type(network).__name__, **network.options | {"function_axis": problem.function_axis})
    return copy.deepcopy(other, {id(own): shared for own, shared in zip(other.variables, network.variables)})
