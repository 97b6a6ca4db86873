"""Runs whose meta-loss is known in closed form."""

import numpy as np
import tensorflow as tf

from l2l_tf.networks import Network
from problems.problem import Problem


class Drift(Network):
    """u_t = phi, whatever is observed: theta_t = theta_0 + t phi."""

    def __init__(self, phi):
        super().__init__({})
        self.phi = tf.Variable(phi, dtype=tf.float64, name="phi")

    def initial_state(self, parameters):
        return ()

    def __call__(self, observation, state):
        return {name: tf.identity(self.phi) for name in observation.gradients}, state


class Bowl(Problem):
    """f(theta) = sum theta^2 / 2 from theta_0; NaN where a coordinate is above `limit`."""

    name = "bowl"

    def __init__(self, start, limit=np.inf):
        self.options = {}
        self.start = np.asarray(start, np.float64)
        self.limit = limit

    def initial_parameters(self, instance, seed):
        return {"theta": tf.constant(self.start)}

    def loss(self, parameters, instance, seed):
        theta = parameters["theta"]
        loss = tf.reduce_sum(theta**2) / 2
        return tf.where(tf.reduce_any(theta > self.limit), tf.constant(np.nan, tf.float64), loss)


def drift_loss(start, phi, len_unroll):
    """The sum of the losses of an unroll of Drift on Bowl."""
    return sum(np.sum((start + t * phi) ** 2) / 2 for t in range(len_unroll + 1))


def drift_gradient(start, phi, len_unroll):
    return sum(t * (start + t * phi) for t in range(len_unroll + 1))


class InfluenceBalancing(Network):
    """theta_{t+1} = A theta_t + phi s: phi enters the first coordinates with one sign and the others with the other.

    A has 1/2 on its diagonal and 1 above it, so that the first coordinate, the only one that the loss reads, feels the
    others later (Vicol et al. 2021, section 5.1).
    """

    observes = frozenset({"gradients", "parameters"})

    def __init__(self, size, positive, phi):
        super().__init__({})
        self.matrix = 0.5 * np.eye(size) + np.eye(size, k=1)
        self.signs = np.where(np.arange(size) < positive, 1.0, -1.0)
        self.phi = tf.Variable(phi, dtype=tf.float64, name="phi")

    def initial_state(self, parameters):
        return ()

    def __call__(self, observation, state):
        theta = observation.parameters["theta"]
        change = tf.linalg.matvec(self.matrix - np.eye(len(self.signs)), theta) + self.phi * self.signs
        return {"theta": change}, state

    def gradient(self, start, num_steps, len_unroll, truncated):
        """d phi of the sum over unrolls of their losses (first_coordinate - 1)^2 / 2, by forward sensitivities."""
        phi = float(self.phi)
        theta, total = np.asarray(start, np.float64), 0.0
        sensitivity = np.zeros_like(theta)
        for begin in range(0, num_steps, len_unroll):
            if truncated:
                sensitivity = np.zeros_like(theta)
            total += (theta[0] - 1) * sensitivity[0]
            for _ in range(begin, begin + len_unroll):
                theta = self.matrix @ theta + phi * self.signs
                sensitivity = self.matrix @ sensitivity + self.signs
                total += (theta[0] - 1) * sensitivity[0]
        return total


class FirstCoordinate(Problem):
    """f(theta) = (theta_1 - 1)^2 / 2 from all ones."""

    name = "first-coordinate"

    def __init__(self, size):
        self.options = {}
        self.size = size

    def initial_parameters(self, instance, seed):
        return {"theta": tf.ones([self.size], tf.float64)}

    def loss(self, parameters, instance, seed):
        return tf.square(parameters["theta"][0] - 1) / 2
