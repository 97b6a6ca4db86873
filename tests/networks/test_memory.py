"""The memory path against NumPy: matrices, and BFGS with write vectors set by hand."""

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf.networks import memory


def _draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def quadratics(num_functions, dims, seed=0, condition=100.0):
    """Hessians `[functions, n, n]` and minima `[functions, n]` of random convex quadratics; largest eigenvalue 1."""
    rotations = np.linalg.qr(_draw(num_functions, dims, dims, seed=seed))[0]
    spectrum = condition ** -np.linspace(0, 1, dims)
    return (rotations * spectrum) @ np.swapaxes(rotations, 1, 2), _draw(num_functions, dims, seed=seed + 1)


def numpy_bfgs(hessian, minimum, theta, num_steps, scale):
    """The updates of BFGS with step size 1 on one quadratic, in the product form of textbooks.

    M' = (I - rho s y^T) M (I - rho y s^T) + rho s s^T, rho = 1 / s.y (Nocedal and Wright 2006, equation 6.17).
    """
    inverse, identity, updates = scale * np.eye(len(theta)), np.eye(len(theta)), []
    gradient = hessian @ (theta - minimum)
    for _ in range(num_steps):
        step = -inverse @ gradient
        theta = theta + step
        change = hessian @ (theta - minimum) - gradient
        gradient = gradient + change
        rho = 1 / (step @ change)
        left = identity - rho * np.outer(step, change)
        inverse = left @ inverse @ left.T + rho * np.outer(step, step)
        updates.append(step)
    return np.array(updates)


def test_dense_reads_and_writes_are_matrix_products():
    left, right, vectors = _draw(2, 3, 4), _draw(2, 3, 4, seed=1), _draw(2, 5, 4, seed=2)
    written = memory.empty_dense(2, 4, tf.float64)
    expected = np.zeros([2, 4, 4])
    for _ in range(2):
        written = memory.write_dense(written, left, right)
        for function in range(2):
            expected[function] += sum(np.outer(left[function, j], right[function, j]) for j in range(3))
    np.testing.assert_allclose(written, expected, rtol=1e-12)
    reads = memory.read_dense(written, 0.5, vectors)
    for function in range(2):
        for head in range(5):
            whole = 0.5 * np.eye(4) + expected[function]
            np.testing.assert_allclose(reads[function, head], whole @ vectors[function, head], rtol=1e-10)


def test_history_reads_what_the_last_writes_add_up_to():
    vectors = _draw(2, 2, 4, seed=9)
    history, writes = memory.empty_history(2, 3 * 2, 4, tf.float64), []
    for i in range(5):
        writes.append((_draw(2, 2, 4, seed=2 * i), _draw(2, 2, 4, seed=2 * i + 1)))
        history = memory.write_history(history, *writes[-1])
        dense = memory.empty_dense(2, 4, tf.float64)
        for left, right in writes[-3:]:
            dense = memory.write_dense(dense, left, right)
        np.testing.assert_allclose(
            memory.read_history(history, 0.5, vectors), memory.read_dense(dense, 0.5, vectors), rtol=1e-10
        )


@pytest.mark.parametrize("form", ["dense", "history"])
def test_one_read_and_three_write_heads_simulate_bfgs(form):
    """The heads set by hand: r = g, and M' = M + (1 + y.z / s.y) s s^T / s.y - z s^T / s.y - s z^T / s.y, z = M y."""
    num_steps, dims, scale = 20, 6, 0.8
    hessian, minimum = quadratics(3, dims)
    theta = np.zeros([3, dims])
    read, write, written = {
        "dense": (memory.read_dense, memory.write_dense, memory.empty_dense(3, dims, tf.float64)),
        "history": (
            memory.read_history,
            memory.write_history,
            memory.empty_history(3, 3 * num_steps, dims, tf.float64),
        ),
    }[form]
    expected = [numpy_bfgs(hessian[i], minimum[i], theta[i], num_steps, scale) for i in range(3)]
    gradient = np.einsum("fij,fj->fi", hessian, theta - minimum)
    for step in range(num_steps):
        (update,) = -np.moveaxis(read(written, scale, gradient[:, None]).numpy(), 1, 0)
        for i in range(3):
            np.testing.assert_allclose(update[i], expected[i][step], rtol=1e-5, atol=1e-5 * np.abs(expected[i]).max())
        theta = theta + update
        change = np.einsum("fij,fj->fi", hessian, theta - minimum) - gradient
        gradient = gradient + change
        z = read(written, scale, change[:, None]).numpy()[:, 0]
        s_y = np.sum(update * change, 1, keepdims=True)
        y_z = np.sum(change * z, 1, keepdims=True)
        left = np.stack([(1 + y_z / s_y) * update / s_y, -z / s_y, -update / s_y], axis=1)
        written = write(written, left, np.stack([update, update, z], axis=1))
