import numpy as np
import pytest
import tensorflow as tf

from l2l_tf.networks import functions


def _tensors():
    return {"a": tf.reshape(tf.range(12.0), [2, 3, 2]), "b": tf.constant([100.0, 200.0]), "empty": tf.zeros([2, 0])}


def test_join_puts_the_coordinates_of_a_function_side_by_side():
    joined = functions.join(_tensors(), 0, tf.float64)
    assert joined.dtype == tf.float64
    np.testing.assert_array_equal(joined, [[0, 1, 2, 3, 4, 5, 100], [6, 7, 8, 9, 10, 11, 200]])
    assert functions.count(_tensors(), 0) == (2, 7)


def test_without_an_axis_all_is_one_function():
    joined = functions.join(_tensors() | {"scalar": tf.constant(7.0)}, None, tf.float32)
    np.testing.assert_array_equal(joined, [[*range(12), 100, 200, 7]])
    assert functions.count({"scalar": tf.zeros([])}, None) == (1, 1)


@pytest.mark.parametrize("function_axis", [None, 0])
def test_part_is_the_inverse_of_join(function_axis):
    tensors = _tensors()
    tensors["a"] = tf.cast(tensors["a"], tf.float16)
    again = functions.part(functions.join(tensors, function_axis, tf.float64), tensors, function_axis)
    assert list(again) == list(tensors)
    for name, tensor in tensors.items():
        assert again[name].dtype == tensor.dtype
        np.testing.assert_array_equal(again[name], tensor)


def test_average_is_over_the_coordinates_of_a_function():
    values = tf.constant([[1.0, 10.0], [3.0, 20.0], [5.0, 40.0], [9.0, 80.0]])
    np.testing.assert_array_equal(functions.average(values, 2, 1), [[1, 15], [3, 15], [5, 60], [9, 60]])
    np.testing.assert_array_equal(functions.average(values, 2, 0), values)
    np.testing.assert_array_equal(functions.average(values, 1, 2), [[4.5, 37.5]] * 4)


@pytest.mark.parametrize("shapes", [{"a": (2, 3), "b": (3,)}, {"a": (2,), "scalar": ()}, {"scalar": ()}])
def test_functions_that_do_not_agree_are_refused(shapes):
    with pytest.raises(ValueError, match=r"With function_axis=0, the first axis of all parameters .* Received: shapes"):
        functions.count({name: tf.zeros(shape) for name, shape in shapes.items()}, 0)
