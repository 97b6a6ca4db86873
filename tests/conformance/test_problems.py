"""What holds for every problem."""

import json

import numpy as np
import pytest
import tensorflow as tf

import problems
from tests.conformance.problems_table import CASES


class Traced:
    """A problem and its loss, gradient and Hessian-vector product, traced once for all tests."""

    def __init__(self, case, problem):
        self.case = case
        self.problem = problem
        self.traces = 0
        self.evaluate = tf.function(self._evaluate)

    def draw(self, number):
        seed = tf.constant([number, 0])
        instance = self.problem.sample(seed)
        return instance, self.problem.initial_parameters(instance, seed + 1), seed + 2

    def _evaluate(self, instance, parameters, seed, direction):
        self.traces += 1
        with tf.GradientTape() as outer:
            outer.watch(parameters)
            with tf.GradientTape() as inner:
                inner.watch(parameters)
                loss = self.problem.loss(parameters, instance, seed)
            gradients = inner.gradient(loss, parameters)
            slope = tf.add_n([tf.reduce_sum(gradients[name] * direction[name]) for name in parameters])
        product = outer.gradient(slope, parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return loss, gradients, product


@pytest.fixture(scope="module", params=CASES)
def traced(request, tiny_data_dir):
    case = CASES[request.param]
    return Traced(case, case.build(tiny_data_dir))


def _direction(parameters):
    rng = np.random.RandomState(0)
    return {name: tf.constant(rng.randn(*x.shape), x.dtype) for name, x in parameters.items()}


def test_every_registered_problem_has_a_row():
    assert set(problems.names()) <= set(CASES)


def test_names_are_in_the_order_of_creation(traced):
    _, parameters, _ = traced.draw(0)
    assert list(parameters) == traced.case.parameters


def test_loss_is_a_finite_scalar_of_the_parameters_dtype(traced):
    instance, parameters, seed = traced.draw(0)
    loss = traced.problem.loss(parameters, instance, seed)
    assert loss.shape == []
    assert np.isfinite(loss)
    assert {loss.dtype} == {x.dtype for x in parameters.values()}
    assert loss.dtype == traced.problem.options.get("dtype", "float32")


def test_gradient_reaches_every_parameter(traced):
    instance, parameters, seed = traced.draw(0)
    _, gradients, _ = traced.evaluate(instance, parameters, seed, _direction(parameters))
    for name, gradient in gradients.items():
        assert gradient is not None, name
        assert gradient.shape == parameters[name].shape
        largest = np.max(np.abs(gradient))
        assert largest < 1e-5 if name in traced.case.zero_gradients else largest > 1e-5, name


def test_a_second_call_traces_nothing_and_gives_the_same(traced):
    instance, parameters, seed = traced.draw(0)
    first = traced.evaluate(instance, parameters, seed, _direction(parameters))
    count = traced.traces
    second = traced.evaluate(*traced.draw(0), _direction(parameters))
    other = traced.evaluate(*traced.draw(5), _direction(parameters))
    assert traced.traces == count == 1
    assert float(first[0]) == float(second[0])
    eager = traced.problem.loss(parameters, instance, seed)
    np.testing.assert_allclose(first[0], eager, rtol=1e-5)
    assert np.isfinite(other[0])


def test_seeds_reproduce_and_differ(traced):
    problem = traced.problem
    instance, parameters, seed = traced.draw(0)
    _, again, _ = traced.draw(0)
    for name in parameters:
        np.testing.assert_array_equal(parameters[name], again[name])
    assert float(problem.loss(parameters, instance, seed)) == float(problem.loss(parameters, instance, seed))
    if traced.case.random:
        other_instance, _, other_seed = traced.draw(5)
        assert float(problem.loss(parameters, instance, seed)) != float(
            problem.loss(parameters, other_instance, other_seed)
        )


def test_hessian_vector_product_is_the_derivative_of_the_gradient(traced):
    if not traced.case.hessian:
        pytest.skip("its second derivatives are known to be wrong")
    instance, parameters, seed = traced.draw(0)
    direction = _direction(parameters)
    _, _, product = traced.evaluate(instance, parameters, seed, direction)
    # Differences of gradients are too coarse in float32, so where there is a float64 twin they are its.
    differentiated, step, tolerance = traced, 1e-2, 0.02
    if "dtype" in traced.problem.options:
        twin = problems.get(traced.problem.name, **traced.problem.options | {"dtype": "float64"})
        differentiated, step, tolerance = Traced(traced.case, twin), 1e-7, 1e-3
        instance, parameters, direction = tf.nest.map_structure(
            lambda x: tf.cast(x, tf.float64), (instance, parameters, direction)
        )

    def gradient_at(distance):
        moved = {name: x + distance * direction[name] for name, x in parameters.items()}
        return differentiated.evaluate(instance, moved, seed, direction)[1]

    ahead, behind = gradient_at(step), gradient_at(-step)
    expected = np.concatenate([np.ravel((ahead[name] - behind[name]) / (2 * step)) for name in parameters])
    received = np.concatenate([np.ravel(product[name]) for name in parameters])
    assert np.linalg.norm(received - expected) <= tolerance * np.linalg.norm(expected)


def test_options_rebuild_the_problem(traced):
    if not traced.case.named:
        pytest.skip("it has no name that problems.get knows")
    options = json.loads(json.dumps(traced.problem.options))
    rebuilt = problems.get(traced.problem.name, **options)
    assert rebuilt.name == traced.problem.name
    assert rebuilt.options == traced.problem.options
    instance, parameters, seed = traced.draw(0)
    assert float(rebuilt.loss(parameters, instance, seed)) == float(traced.problem.loss(parameters, instance, seed))


def test_held_out_data(traced):
    problem = traced.problem
    instance, parameters, seed = traced.draw(0)
    for split in problem.held_out_splits:
        loss = problem.held_out_loss(parameters, instance, split)
        assert loss.shape == []
        assert np.isfinite(loss)
    with pytest.raises(ValueError, match="has no held-out split 'nowhere'; it has "):
        problem.held_out_loss(parameters, instance, "nowhere")
    if problem.held_out_splits:
        assert np.isfinite(problem.validation_loss(parameters, instance, seed))
    else:
        with pytest.raises(NotImplementedError, match="has no validation data"):
            problem.validation_loss(parameters, instance, seed)


@pytest.mark.parametrize("name", [name for name in ("quadratic", "mnist", "cifar", "from_sonnet") if CASES[name].xla])
def test_loss_compiles(name, tiny_data_dir):
    # One of each kind of computation. theta_0 and f are drawn outside: XLA draws other floats from the same seed.
    traced = Traced(CASES[name], CASES[name].build(tiny_data_dir))
    instance, parameters, seed = traced.draw(0)
    seed = -seed  # XLA takes negative seeds for others, and folded seeds may be negative.
    compiled = tf.function(traced.problem.loss, jit_compile=True)
    np.testing.assert_allclose(
        compiled(parameters, instance, seed), traced.problem.loss(parameters, instance, seed), rtol=1e-4
    )
