"""Optimizers around LearnedOptimizer: by its `apply` they are right, by its `update_step` they are refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import LearnedOptimizer, networks
from tests.deployment.keras_models import LOG_AND_SIGN, small_lstm

SHAPES = [(2, 2), (3,), ()]
GRADIENTS = [
    [np.random.default_rng(10 * step + i).normal(size=shape).astype(np.float32) for i, shape in enumerate(SHAPES)]
    for step in range(7)
]
PERIOD, RATIO = 3, 0.5

# What their variables share: nothing, an average over them, a step count, sums over them.
RULES = {
    "CoordinateWiseDeepLSTM": small_lstm,
    "GlobalAveragingLSTM": lambda: networks.get("GlobalAveragingLSTM", layers=[4], global_cells=2, **LOG_AND_SIGN),
    "Adam": lambda: networks.get("Adam", learning_rate=0.1),
    "NtmLBfgs": lambda: networks.get("NtmLBfgs", layers=[6], history=2),
}


class Lookahead(keras.optimizers.Optimizer):
    """Every `PERIOD` steps the slow weights go `RATIO` of the way to the fast ones, which start from there again."""

    def __init__(self, inner):
        super().__init__(learning_rate=1.0, name="lookahead")
        self.inner = inner

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.inner.build(variables)
        self.slow = [self.add_variable_from_reference(v, name="slow") for v in variables]
        for slow, variable in zip(self.slow, variables):
            slow.assign(variable)

    def _synchronise(self, slow, variable):
        now = tf.cast(tf.equal((self.iterations + 1) % PERIOD, 0), tf.float32)
        slow.assign(slow + now * RATIO * (tf.convert_to_tensor(variable) - slow))
        self.assign(variable, now * tf.convert_to_tensor(slow) + (1 - now) * tf.convert_to_tensor(variable))


class ByApply(Lookahead):
    def apply(self, grads, trainable_variables=None):
        if not self.built:
            self.build(list(trainable_variables))
        self.inner.apply(grads, trainable_variables)
        for slow, variable in zip(self.slow, trainable_variables):
            self._synchronise(slow, variable)
        self._iterations.assign_add(1)


class ByUpdateStep(Lookahead):
    def update_step(self, gradient, variable, learning_rate):
        self.inner.update_step(gradient, variable, self.inner.learning_rate)
        self._synchronise(self.slow[self._get_variable_index(variable)], variable)


def _variables():
    return [keras.Variable(np.ones(shape, np.float32), name=f"v{i}") for i, shape in enumerate(SHAPES)]


def _by_hand(inner):
    fast = _variables()
    slow = [variable.numpy() for variable in fast]
    for step, gradients in enumerate(GRADIENTS, 1):
        inner.apply([tf.constant(g) for g in gradients], fast)
        if step % PERIOD == 0:
            slow = [s + RATIO * (v.numpy() - s) for s, v in zip(slow, fast)]
            for variable, value in zip(fast, slow):
                variable.assign(value)
    return [variable.numpy() for variable in fast]


@pytest.mark.parametrize("in_function", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_lookahead_by_apply(rule, in_function):
    optimizer, variables = ByApply(LearnedOptimizer(RULES[rule]())), _variables()
    optimizer.build(variables)

    def apply(gradients):
        optimizer.apply(gradients, variables)

    apply = tf.function(apply) if in_function else apply
    for gradients in GRADIENTS:
        apply([tf.constant(g) for g in gradients])
    for ours, theirs in zip(variables, _by_hand(LearnedOptimizer(RULES[rule]()))):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-5, atol=1e-6)
        assert not np.allclose(theirs, 1)


UPDATES_TOGETHER = r"LearnedOptimizer updates all variables together, in apply.*Received: '.*v\d' alone"


@pytest.mark.parametrize("rule", RULES)
def test_lookahead_by_update_step_is_refused(rule):
    """Silently, what variables share would go on once for each of them."""
    inner, variables = LearnedOptimizer(RULES[rule]()), _variables()
    with pytest.raises(ValueError, match=UPDATES_TOGETHER):
        ByUpdateStep(inner).apply([tf.constant(g) for g in GRADIENTS[0]], variables)
    for variable in variables:
        np.testing.assert_array_equal(variable.numpy(), 1)


@pytest.mark.parametrize("before", ["nothing", "an apply", "an apply that failed"])
def test_update_step_is_refused_outside_of_apply(before):
    optimizer, variables = LearnedOptimizer(small_lstm()), _variables()
    gradients = [tf.constant(g) for g in GRADIENTS[0]]
    if before == "an apply":
        optimizer.apply(gradients, variables)
    if before == "an apply that failed":
        with pytest.raises(tf.errors.OpError, match="Cast string"):
            optimizer.apply([*gradients[:2], tf.Variable("no number")], variables)
    with pytest.raises(ValueError, match=UPDATES_TOGETHER):
        optimizer.update_step(gradients[0], variables[0], 1.0)


def test_a_subclass_may_change_the_gradients_in_update_step():
    """Within `apply`, `super().update_step` is what Keras documents."""

    class Doubled(LearnedOptimizer):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(2.0 * gradient, variable, learning_rate)

    doubled, variables = Doubled(networks.get("Adam", learning_rate=0.1)), _variables()
    plain, others = LearnedOptimizer(networks.get("Adam", learning_rate=0.1)), _variables()
    for gradients in GRADIENTS[:2]:
        doubled.apply([tf.constant(g) for g in gradients], variables)
        plain.apply([tf.constant(2 * g) for g in gradients], others)
    for variable, other in zip(variables, others):
        np.testing.assert_array_equal(variable.numpy(), other.numpy())


def test_an_optimizer_for_each_part_of_a_model():
    """Two rules that share nothing: each goes on as if it were alone."""
    parts = [LearnedOptimizer(RULES["GlobalAveragingLSTM"]()), LearnedOptimizer(RULES["Adam"]())]
    alone = [LearnedOptimizer(RULES["GlobalAveragingLSTM"]()), LearnedOptimizer(RULES["Adam"]())]
    variables, others = _variables(), _variables()
    for gradients in GRADIENTS:
        gradients = [tf.constant(g) for g in gradients]
        parts[0].apply(gradients[:2], variables[:2])
        parts[1].apply(gradients[2:], variables[2:])
    for optimizer, of in zip(alone, (slice(0, 2), slice(2, 3))):
        for gradients in GRADIENTS:
            optimizer.apply([tf.constant(g) for g in gradients[of]], others[of])
    for variable, other in zip(variables, others):
        np.testing.assert_array_equal(variable.numpy(), other.numpy())
