"""The step in JAX: `python -m benchmarks.peers.jax_unroll VARIANT`, driven by `benchmarks.peers`.

All in one `jax.jit`. Variants: "tape" differentiates through everything; "replay" records the gradients on the way and
differentiates a scan of the LSTM over them alone; "blocks" does so for blocks of about 1,000 coordinates in turn.
"""

import sys
from functools import partial

import jax
import numpy as np
from jax import numpy as jnp

from benchmarks.peers import work

_BLOCKS = 16


def cell(inputs, h, c, i, w, b):
    gates = jnp.split(inputs @ i + h @ w + b, 4, -1)
    c = jax.nn.sigmoid(gates[1]) * c + jax.nn.sigmoid(gates[0]) * jnp.tanh(gates[2])
    return jax.nn.sigmoid(gates[3]) * jnp.tanh(c), c


def network(phi, gradient, state):
    """Gradients `[n]` and the state to updates `[n]` and the next state."""
    magnitudes = jnp.log(jnp.abs(gradient) + jnp.finfo(jnp.float32).eps) / work.K
    features = jnp.stack([jnp.maximum(magnitudes, -1), jnp.clip(gradient * np.exp(work.K), -1, 1)], -1)
    h1, c1 = cell(features, state[0], state[1], phi["i1"], phi["h1"], phi["b1"])
    h2, c2 = cell(h1, state[2], state[3], phi["i2"], phi["h2"], phi["b2"])
    return work.SCALE * (h2 @ phi["w"] + phi["b"])[..., 0], (h1, c1, h2, c2)


def zeros(n):
    return (jnp.zeros([n, work.HIDDEN]),) * 4


def step_function(variant):
    images, labels = map(jnp.asarray, work.images_and_labels())
    start = jnp.concatenate([jnp.asarray(array).reshape(-1) for array in work.theta().values()])
    ends, shapes = np.cumsum([int(np.prod(s)) for s in work.SHAPES.values()])[:-1], list(work.SHAPES.values())

    def loss_of(theta, rows):
        w1, b1, w2, b2 = (part.reshape(shape) for part, shape in zip(jnp.split(theta, ends), shapes))
        hidden = jax.nn.sigmoid(images[rows].astype(jnp.float32) / 255 @ w1 + b1)
        log_probabilities = jax.nn.log_softmax(hidden @ w2 + b2)
        return -jnp.mean(jnp.take_along_axis(log_probabilities, labels[rows][:, None], 1))

    def roll_out(phi, minibatches):
        """The sum of the losses, and the gradients."""

        def body(carried, rows):
            theta, state = carried
            loss, gradient = jax.value_and_grad(loss_of)(theta, rows)
            gradient = jax.lax.stop_gradient(gradient)
            update, state = network(phi, gradient, state)
            return (theta + update, state), (loss, gradient)

        (theta, _), (losses, gradients) = jax.lax.scan(body, (start, zeros(len(start))), minibatches[:-1])
        loss, gradient = jax.value_and_grad(loss_of)(theta, minibatches[-1])
        return jnp.sum(losses) + loss, jnp.concatenate([gradients, gradient[None]])

    def replayed(phi, gradients, cotangents):
        """sum_t <u_t, cotangent_t> for the coordinates of `gradients`, `[T, n]`."""

        def body(state, seen):
            gradient, cotangent = seen
            update, state = network(phi, gradient, state)
            return state, jnp.sum(update * cotangent)

        return jnp.sum(jax.lax.scan(body, zeros(gradients.shape[1]), (gradients, cotangents))[1])

    def replay(phi, minibatches):
        total, gradients = roll_out(phi, minibatches)
        cotangents = jnp.cumsum(gradients[::-1], 0)[::-1][1:]
        if variant == "replay":
            return total, jax.grad(replayed)(phi, gradients[:-1], cotangents)
        padding = -len(start) % _BLOCKS

        def cut(x):
            return jnp.pad(x, [(0, 0), (0, padding)]).reshape(work.STEPS, _BLOCKS, -1).transpose(1, 0, 2)

        of_blocks = jax.lax.map(lambda block: jax.grad(replayed)(phi, *block), (cut(gradients[:-1]), cut(cotangents)))
        return total, jax.tree.map(lambda x: jnp.sum(x, 0), of_blocks)

    def tape(phi, minibatches):
        return jax.value_and_grad(lambda phi: roll_out(phi, minibatches)[0])(phi)

    @partial(jax.jit, donate_argnums=0)
    def meta_step(carried, key):
        phi, first, second, count = carried
        minibatches = jax.random.randint(key, [work.STEPS + 1, work.BATCH], 0, 60_000)
        total, gradient = (tape if variant == "tape" else replay)(phi, minibatches)
        count = count + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)

        def moved(p, m, v):
            return p - work.LEARNING_RATE * m / (1 - 0.9**count) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8)

        return (jax.tree.map(moved, phi, first, second), first, second, count), total

    phi = jax.tree.map(jnp.asarray, work.phi())
    carried = [phi, jax.tree.map(jnp.zeros_like, phi), jax.tree.map(jnp.zeros_like, phi), jnp.zeros([])]
    keys = iter(range(1_000_000))

    def step():
        nonlocal carried
        carried, total = meta_step(tuple(carried), jax.random.key(next(keys)))
        return float(total)

    return step


if __name__ == "__main__":
    work.serve(step_function(sys.argv[1]))
