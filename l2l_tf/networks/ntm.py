"""What NTM-BFGS and NTM-L-BFGS share: a controller on each coordinate, heads, and a memory between them."""

import abc
import math
from typing import Any

import tensorflow as tf

from l2l_tf.networks import functions, secant
from l2l_tf.networks.controller import Controller
from l2l_tf.networks.network import Observation


class MemoryNetwork(Controller):
    """A coordinatewise LSTM+GAC controller with a memory M, an estimate of the inverse Hessian of each function.

    The controller works on each coordinate with a hidden state of its own; the memory, and means over coordinates,
    carry from one coordinate to another. One step, for each function, with c linear outputs of the controller (one
    number a coordinate) and C their means over the coordinates (global averaging cells):

        h_t        = controller([g_t, i_{t-1}])                         preprocessed
        a_j, b_j   = left and right vector of write head j of h_t
        M_t        = M_{t-1} + sum_j a_j b_j^T                          write
        r_j        = read head j of h_t
        i_{t,j}    = M_t r_j                                            read; to the controller in the next step
        u_t        = -sum_j (1[j=1] + scale C_j(h_t)) i_{t,j}           output "read"
                   = scale c(h_t)                                       output "controller"
                   = the sum of both                                    output "both"

    Andrychowicz et al. 2016, appendix B and figures 14 and 15. The paper leaves open how a head makes its vector;
    `heads` chooses:

      "linear": from the controller alone, r_j = scale c_j, a_j = scale c_j', b_j = scale c_j''.
      "secant": with skip connections. The read vectors combine the last two gradients, r_j = (1[j=1] + scale C_j) g_t
        + scale C_j' g_{t-1}, and the write vectors the three vectors v_k that quasi-Newton updates are made of (see
        `secant.secant_vectors`; they come from the last update, the change y of the gradient, and M y):
        a_j = sum_k scale C_jk v_k, and b_j likewise.
      "bfgs": "secant" as a correction to BFGS: a_j = sum_k (A_jk + scale C_jk) v_k with the constants of BFGS. The
        corrections start at 0, and with them the network is BFGS of step size 1. It takes three write heads; others
        start at 0.

    Skip connections are weighted by means because weights that differ between coordinates turn a long step along a
    flat direction into one along a steep direction, the more the better M is: training such heads diverges.

    With skip connections, a function's memory is emptied where -M g is no direction of descent. BFGS never comes to
    that, but M need not stay positive definite where heads are corrected, or where NtmLBfgs drops old writes.

    The order of the paper's two operations is free as well: here a step writes what the last step has taught and
    then reads, so that an update uses all that is known, as in BFGS.

    Args:
      read_heads, write_heads: r and w.
      heads: "bfgs", "secant" or "linear".
      output: "read", "controller" or "both".
      initial_scale: M_0 is the identity times this.
      learned_scale: whether that is the start of a weight, rather than a constant.
      **options: see Controller. `scale` is a factor of the outputs c. Linear layers are `write_heads`, `read_heads`,
        `gains` of the reads, and `linear`, the controller's own update; those that correct what is there without them
        start at 0.

    Raises:
      ValueError: an option out of range.
    """

    def __init__(
        self,
        read_heads: int = 1,
        write_heads: int = 3,
        heads: str = "bfgs",
        output: str = "read",
        initial_scale: float = 0.1,
        learned_scale: bool = True,
        **options: Any,
    ):
        if heads == "bfgs" and write_heads < secant.BFGS.shape[1]:
            raise ValueError(f'heads="bfgs" takes at least 3 write heads. Received: write_heads={write_heads}.')
        skips = heads != "linear"
        outputs = {
            "write_heads": 2 * write_heads * (secant.NUM_VECTORS if skips else 1),
            "read_heads": read_heads * (2 if skips else 1),
        }
        corrections = ["read_heads"] if skips else []
        if heads == "bfgs":
            corrections.append("write_heads")
        if output != "controller":
            outputs["gains"] = read_heads
            corrections.append("gains")
        if output != "read":
            outputs["linear"] = 1
        super().__init__(1 + read_heads, outputs, {layer: {"w": "zeros"} for layer in corrections}, **options)
        self._num_reads = read_heads
        self._num_writes = write_heads
        self._heads = heads
        self._log_scale = tf.Variable(
            math.log(initial_scale), trainable=learned_scale, dtype=self._dtype, name="log_scale"
        )

    @abc.abstractmethod
    def _empty_memory(self, num_functions: int, coordinates: int) -> Any:
        """A memory with nothing written."""

    @abc.abstractmethod
    def _read(self, memory: Any, scale: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """M r, for vectors `[functions, heads, n]`."""

    @abc.abstractmethod
    def _write(self, memory: Any, left: tf.Tensor, right: tf.Tensor) -> Any:
        """The memory with the outer products of `left` and `right`, `[functions, heads, n]`, in it."""

    def initial_state(self, parameters):
        num_functions, coordinates = functions.count(parameters, self._function_axis)
        state = {
            "controller": self._initial_layers(num_functions * coordinates),
            "memory": self._empty_memory(num_functions, coordinates),
            "reads": tf.zeros([num_functions, self._num_reads, coordinates], self._dtype),
        }
        if self._heads != "linear":
            state["gradient"] = state["update"] = tf.zeros([num_functions, coordinates], self._dtype)
            state["largest_gradient"] = tf.zeros([num_functions, 1], self._dtype)
        return state

    def __call__(self, observation: Observation, state):
        gradient = functions.join(observation.gradients, self._function_axis, self._dtype)
        scale = tf.exp(self._log_scale)
        hidden, controller = self._control(self._seen(gradient, state), gradient.shape[0], state["controller"])
        left, right = self._write_vectors(hidden, gradient, scale, state)
        memory = self._write(state["memory"], left, right)
        if self._heads != "linear":
            memory = self._sound(memory, scale, gradient)
        reads = self._read(memory, scale, self._read_vectors(hidden, gradient, state))
        update = tf.zeros_like(gradient)
        if "gains" in self._linear:
            gains = _first(self._num_reads, self._dtype) + self._emit_means("gains", hidden, gradient.shape[0])
            update -= tf.reduce_sum(gains * reads, axis=1)
        if "linear" in self._linear:
            update += self._emit("linear", hidden, gradient.shape[0])[:, 0]
        next_state = {"controller": controller, "memory": memory, "reads": reads}
        if self._heads != "linear":
            next_state |= {"gradient": gradient, "update": update, "largest_gradient": _largest(gradient, state)}
        return functions.part(update, observation.gradients, self._function_axis), next_state

    def _seen(self, gradient: tf.Tensor, state: Any) -> tf.Tensor:
        """The gradient and the last reads of each coordinate, `[functions * n, 1 + heads]`."""
        seen = tf.concat([gradient[:, None], state["reads"]], axis=1)
        return tf.reshape(tf.transpose(seen, [0, 2, 1]), [-1, seen.shape[1]])

    def _emit(self, layer: str, hidden: tf.Tensor, num_functions: int) -> tf.Tensor:
        """scale c of one linear layer, `[functions, outputs, n]`."""
        outputs = self._linear[layer](hidden) * self._scale
        return tf.transpose(tf.reshape(outputs, [num_functions, -1, outputs.shape[1]]), [0, 2, 1])

    def _emit_means(self, layer: str, hidden: tf.Tensor, num_functions: int) -> tf.Tensor:
        """scale C of one linear layer, `[functions, outputs, 1]`."""
        return tf.reduce_mean(self._emit(layer, hidden, num_functions), axis=2, keepdims=True)

    def _read_vectors(self, hidden: tf.Tensor, gradient: tf.Tensor, state: Any) -> tf.Tensor:
        """`[functions, heads, n]`."""
        if self._heads == "linear":
            return self._emit("read_heads", hidden, gradient.shape[0])
        now, before = tf.split(self._emit_means("read_heads", hidden, gradient.shape[0]), 2, axis=1)
        return (_first(self._num_reads, self._dtype) + now) * gradient[:, None] + before * state["gradient"][:, None]

    def _write_vectors(self, hidden: tf.Tensor, gradient: tf.Tensor, scale: tf.Tensor, state: Any):
        """The left and right write vectors, `[functions, heads, n]`."""
        if self._heads == "linear":
            return tf.split(self._emit("write_heads", hidden, gradient.shape[0]), 2, axis=1)
        change = gradient - state["gradient"]
        predicted = self._read(state["memory"], scale, change[:, None])[:, 0]
        vectors = secant.secant_vectors(state["update"], change, predicted, _largest(gradient, state))
        coefficients = tf.reshape(
            self._emit_means("write_heads", hidden, gradient.shape[0]),
            [gradient.shape[0], 2, self._num_writes, secant.NUM_VECTORS],
        )
        if self._heads == "bfgs":
            others = [[0, 0], [0, self._num_writes - secant.BFGS.shape[1]], [0, 0]]
            coefficients += tf.cast(tf.pad(secant.BFGS, others), self._dtype)
        return tf.unstack(tf.einsum("fshv,fvn->sfhn", coefficients, vectors), axis=0)

    def _sound(self, memory: Any, scale: tf.Tensor, gradient: tf.Tensor) -> Any:
        """The memory, and where -M g does not descend, an empty one."""
        slope = tf.reduce_sum(gradient * self._read(memory, scale, gradient[:, None])[:, 0], axis=1)
        descends = (slope >= 0)[:, None, None]
        return tf.nest.map_structure(lambda values: tf.where(descends, values, tf.zeros_like(values)), memory)


def _largest(gradient: tf.Tensor, state: Any) -> tf.Tensor:
    """The largest norm of a function's gradient so far, `[functions, 1]`; a constant to the outer gradient."""
    norm = tf.norm(tf.stop_gradient(gradient), axis=1, keepdims=True)
    return tf.stop_gradient(tf.maximum(norm, state["largest_gradient"]))


def _first(num_heads: int, dtype: tf.DType) -> tf.Tensor:
    """1 for the first head and 0 for others, `[heads, 1]`."""
    return tf.one_hot([0], num_heads, axis=0, dtype=dtype)
