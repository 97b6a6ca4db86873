"""What every network costs: bytes of state and operations a parameter, and the time of an application in Keras.

    python -m benchmarks.network_cost [--measure] [--parameters 1000000] [--rounds 7]

Counted are the operations of one step on a `[64, 64]` matrix in float32, with the networks' default options: two for
every multiplication and addition of a matrix product, one for every entry that another operation computes. Moving
values is free. What is spent once a tensor is divided by its 4,096 parameters; NtmBfgs takes more with more of them.
"""

import argparse
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from benchmarks import keras_application
from l2l_tf import networks
from l2l_tf.networks import Observation

SHAPE = (64, 64)
OPTIONS = {"StandardDeepLSTM": {"output_size": 64}, "KernelDeepLSTM": {"kernel_shape": [5, 5]}}
SHAPES = {"KernelDeepLSTM": (5, 5, 8, 20)}
IN_KERAS = ["CoordinateWiseDeepLSTM", "RNNProp", "PerParameterMLP", "AdafactorMLP", "HierarchicalLSTM"]
_MOVES = {
    *("Cast", "ConcatV2", "Const", "BroadcastTo", "ExpandDims", "Fill", "GatherV2", "Identity", "IdentityN", "NoOp"),
    *("Pack", "Pad", "Placeholder", "Range", "ReadVariableOp", "Reshape", "Shape", "Slice", "Split", "SplitV"),
    *("Squeeze", "StopGradient", "StridedSlice", "Tile", "Transpose", "Unpack", "ZerosLike"),
}
_REDUCTIONS = {"Sum", "Mean", "Max", "Min", "Prod", "All", "Any", "L2Loss"}


def observation(network, parameters):
    """Zeros for the fields that `network` observes."""
    fields = {"parameters": parameters, "loss": tf.zeros([]), "step": tf.zeros([]), "validation_loss": tf.zeros([])}
    return Observation(parameters, **{name: value for name, value in fields.items() if name in network.observes})


def state_bytes(network, parameters):
    """Of the state, for each parameter."""
    state = tf.nest.flatten(network.initial_state(parameters))
    return sum(math.prod(h.shape) * h.dtype.size for h in state) / _count(parameters)


def operations(network, parameters):
    """Of one step, for each parameter."""
    traced = tf.function(network.__call__, autograph=False).get_concrete_function(
        observation(network, parameters), network.initial_state(parameters)
    )
    return _in_graph(traced.graph) / _count(parameters)


def _count(parameters):
    return sum(math.prod(p.shape) for p in parameters.values())


def _in_graph(graph):
    total = 0
    for operation in graph.get_operations():
        if operation.type in _MOVES or not operation.outputs:
            continue
        if operation.type.endswith("PartitionedCall"):
            called = operation.get_attr("f").name
            total += _in_graph(graph._get_function(called).graph)
        elif operation.type in ("MatMul", "BatchMatMulV2", "Einsum"):
            total += _of_product(operation)
        else:
            counted = operation.inputs[0] if operation.type in _REDUCTIONS else operation.outputs[0]
            total += math.prod(counted.shape)
    return total


def _of_product(operation):
    """Two for every pair that is multiplied: the entries of left, right and product, each axis being in two of them."""
    left, right, product = (math.prod(t.shape) for t in (*operation.inputs, operation.outputs[0]))
    batch = math.prod(operation.outputs[0].shape[:-2]) if operation.type == "BatchMatMulV2" else 1
    return 2 * batch * round(math.sqrt((left / batch) * (right / batch) * (product / batch)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help=f"time applications in Keras too, of {IN_KERAS}")
    parser.add_argument("--parameters", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print("| network | bytes of state a parameter | operations a parameter |\n| --- | --- | --- |")
    for name in networks.names():
        network = networks.get(name, **OPTIONS.get(name, {}))
        parameters = {"x": tf.zeros(SHAPES.get(name, SHAPE))}
        print(f"| {name} | {state_bytes(network, parameters):,.0f} | {operations(network, parameters):,.0f} |")
    if arguments.measure:
        print()
        keras_application.compare(IN_KERAS, arguments.parameters, arguments.rounds)


if __name__ == "__main__":
    main()
