"""What rolling out and replaying is tested on: problems, networks and objectives, in double precision."""

import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Network
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective
from problems.problem import Problem, split_seed
from problems.quadratic import Quadratic

LEN_UNROLL = 4
OBJECTIVES = {
    "all": trajectory_objective(LEN_UNROLL),
    "final": trajectory_objective(LEN_UNROLL, "final"),
    "list": trajectory_objective(LEN_UNROLL, [0.0, 0.5, 0.0, 2.0, -1.0]),
    "log": trajectory_objective(LEN_UNROLL, transform="log"),
}


class Neuron(Problem):
    """E (tanh(w x + b) - y)^2 over minibatches of 3 of 8 random examples: two parameters, and a loss with a seed."""

    name = "neuron"

    def __init__(self, dtype="float64"):
        self.options = {"dtype": dtype}
        self._dtype = dtype

    def sample(self, seed):
        x_seed, y_seed = split_seed(seed, 2)
        return {
            "x": tf.random.stateless_normal([8, 2], x_seed, dtype=self._dtype),
            "y": tf.random.stateless_normal([8], y_seed, dtype=self._dtype),
        }

    def initial_parameters(self, instance, seed):
        return {
            "w": tf.random.stateless_normal([2], seed, dtype=self._dtype),
            "b": tf.constant(0.5, self._dtype),
        }

    def loss(self, parameters, instance, seed):
        rows = tf.random.stateless_uniform([3], seed, maxval=8, dtype=tf.int32)
        x, y = tf.gather(instance["x"], rows), tf.gather(instance["y"], rows)
        prediction = tf.tanh(tf.linalg.matvec(x, parameters["w"]) + parameters["b"])
        return tf.reduce_mean(tf.square(prediction - y))

    def validation_loss(self, parameters, instance, seed):
        prediction = tf.tanh(tf.linalg.matvec(instance["x"], parameters["w"]) + parameters["b"])
        return tf.reduce_mean(tf.abs(prediction - instance["y"]))


class Onlooker(Network):
    """Reads all there is to observe, and a state that remembers it:

    h' = tanh(h / 2 + g), u = -(c_0 h' + c_1 g loss) - c_2 theta / (1 + step) + c_3 theta validation_loss.
    """

    observes = frozenset({"gradients", "parameters", "loss", "step", "validation_loss"})

    def __init__(self):
        super().__init__({})
        self.c = tf.Variable([0.1, 0.05, 0.02, 0.03], dtype=tf.float64, name="c")

    def initial_state(self, parameters):
        return {name: tf.zeros(p.shape, p.dtype) for name, p in parameters.items()}

    def __call__(self, observation, state):
        since = 1 + tf.cast(observation.step, tf.float64)
        updates, next_state = {}, {}
        for name, gradient in observation.gradients.items():
            theta = observation.parameters[name]
            next_state[name] = tf.tanh(state[name] / 2 + gradient)
            momentum = self.c[0] * next_state[name] + self.c[1] * gradient * observation.loss
            decay = self.c[2] / since - self.c[3] * observation.validation_loss
            updates[name] = -momentum - decay * theta
        return updates, next_state


def small_lstm(**options):
    return networks.get("CoordinateWiseDeepLSTM", **{"layers": (2,), "dtype": "float64", "scale": 0.1, **options})


def small_quadratic(dtype="float64"):
    return Quadratic(batch_size=2, num_dims=3, stddev=1.0, dtype=dtype)


LSTM_ON_QUADRATIC = "lstm on quadratic"
CASES = {
    LSTM_ON_QUADRATIC: lambda: (small_quadratic(), AssignedNetworks({"cw": small_lstm()})),
    "deep preprocessed lstm on neuron": lambda: (
        Neuron(),
        AssignedNetworks({"cw": small_lstm(layers=(2, 2), preprocess_name="LogAndSign", preprocess_options={"k": 5})}),
    ),
    "lstm and adam": lambda: (
        Neuron(),
        AssignedNetworks(
            {"cw": small_lstm(), "adam": networks.get("Adam", learning_rate=0.1)}, [("cw", ["w"]), ("adam", ["b"])]
        ),
    ),
    "two networks on one parameter, none on the other": lambda: (
        Neuron(),
        AssignedNetworks(
            {"one": small_lstm(), "two": small_lstm(layers=(), seed=1)}, [("one", ["w"]), ("two", ["*w*"])]
        ),
    ),
    "observes everything": lambda: (Neuron(), Onlooker()),
}
