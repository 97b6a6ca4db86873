"""A learned optimizer as the optimizer of phi: what trains new learned optimizers is one itself.

Metz et al. 2020, "Tasks, stability, architecture, and compute", section 4.6, train theirs with itself.
"""

from collections.abc import Sequence

import tensorflow as tf

from l2l_tf.networks import Observation
from l2l_tf.pretrained import sources

ADAM = "adam"
_OBSERVED = frozenset({"gradients", "parameters", "step", "length"})  # The last as not known.


class OuterRule(tf.Module):
    """What Keras's optimizers are to `OuterOptimizer`, by a rule's own call: theta <- theta + learning_rate u.

    Args:
      source: a pretrained name, the folder of a saved optimizer, or its address on the Hub.
      variables: phi.
      learning_rate: multiplies the updates; 1 is what the rule was trained for.

    Attributes:
      iterations: int64 variable, the number of updates so far.
      learning_rate: float32 variable.
      variables: all that a resumed run needs.

    Raises:
      ValueError: the source is none of these, or its rule observes losses, of which the outer optimizer is told none.
    """

    def __init__(self, source: str, variables: Sequence[tf.Variable], learning_rate: float):
        super().__init__(name="outer_rule")
        self._rule = sources.resolve(source).networks
        if unseen := sorted(self._rule.observes - _OBSERVED):
            raise ValueError(f"An outer optimizer is not told the {', '.join(unseen)}. Received: {source!r}.")
        self._names = [str(i) for i in range(len(variables))]
        state = self._rule.initial_state(dict(zip(self._names, map(tf.convert_to_tensor, variables))))
        self._like = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), state)
        self._state = [tf.Variable(x, trainable=False) for x in tf.nest.flatten(state)]
        self.iterations = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._learning_rate = tf.Variable(float(learning_rate), trainable=False)

    @property
    def learning_rate(self) -> tf.Variable:
        """What multiplies the updates; numbers are assigned to it."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate.assign(value)

    @property
    def kept(self) -> list[tf.Variable]:
        """All that a resumed run needs."""
        return [self.iterations, self._learning_rate, *self._state]

    def apply(self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]) -> None:
        """One update, from gradients in the order of `variables`."""
        named = dict(zip(self._names, gradients))
        values = dict(zip(self._names, map(tf.convert_to_tensor, variables)))
        observation = Observation(named, values, step=tf.cast(self.iterations, tf.float32))
        updates, after = self._rule(observation, tf.nest.pack_sequence_as(self._like, self._state))
        for before, value in zip(self._state, tf.nest.flatten(after)):
            before.assign(value)
        for name, variable in zip(self._names, variables):
            variable.assign_add(updates[name] * tf.cast(self._learning_rate, variable.dtype))
        self.iterations.assign_add(1)
