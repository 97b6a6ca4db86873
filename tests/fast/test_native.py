import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf.fast import lstm_kernels, native, tanh
from l2l_tf.fast.lstm_kernels import LstmWeights
from l2l_tf.fast.native import library
from l2l_tf.fast.packing import Stacked


@pytest.fixture(name="operations")
def _operations():
    operations = native.operations()
    if operations is None:
        pytest.skip("there is no C++ compiler here")
    return operations


def _draw(random, *shape):
    return tf.constant(random.normal(size=shape, scale=0.4).astype(np.float32))


def _weights(random, features, layers, size):
    """phi as the operations take it, and as the kernels do."""
    inputs, w = features, []
    for hidden in layers:
        w.append(_draw(random, inputs + hidden + 1, 4 * hidden))
        inputs = hidden
    phi = Stacked(tuple(w), _draw(random, inputs + 1, size))
    return (phi.linear, list(phi.layers)), _packed(phi)


def _packed(stacked):
    return LstmWeights(tuple(map(tf.transpose, stacked.layers)), stacked.linear[:-1], stacked.linear[-1])


def _chunks(rows):
    """Rows `[n, size]` to `[chunks, size, LANES]`, filled up with zeros."""
    n, size = rows.shape
    num_chunks = -(-n // native.LANES)
    filled = np.zeros([num_chunks * native.LANES, size], np.float32)
    filled[:n] = rows
    return filled.reshape([num_chunks, native.LANES, size]).transpose([0, 2, 1])


def _rows(chunks):
    """The inverse of `_chunks`, with what was filled up."""
    num_chunks, size, lanes = chunks.shape
    return np.transpose(chunks, [0, 2, 1]).reshape([num_chunks * lanes, size])


# Long runs take their time in the kernels: with one number of coordinates, which fills chunks and leaves a remainder.
@pytest.mark.parametrize(
    ("steps", "n"), [*((steps, n) for steps in (1, 3) for n in (1, 64, 150)), (20, 150), (41, 150)]
)
@pytest.mark.parametrize(("layers", "size"), [((), 1), ((1,), 2), ((7, 3), 1), ((20, 20), 1), ((4, 5, 6), 3)], ids=str)
def test_operations_agree_with_the_kernels_and_a_tape(operations, n, layers, size, steps):
    random, features = np.random.default_rng(0), 2
    phi, weights = _weights(random, features, layers, size)
    rows = 2 * sum(layers)
    start, end_cotangents = _draw(random, n, rows), _draw(random, n, rows)
    x, output_cotangents = _draw(random, steps, features, n), _draw(random, steps, size, n)

    with tf.GradientTape() as tape:
        tape.watch((start, x, weights))
        state = tf.split(tf.transpose(start), [cells for cells in layers for _ in "hc"]) if layers else []
        outputs = []
        for t in range(steps):
            output, state, _ = lstm_kernels.forward(weights, x[t], state)
            outputs.append(output)
        end = tf.transpose(tf.concat([tf.zeros([0, n]), *state], 0))
        total = tf.reduce_sum(tf.stack(outputs) * output_cotangents) + tf.reduce_sum(end * end_cotangents)
    expected = tape.gradient(total, (x, start, weights), unconnected_gradients=tf.UnconnectedGradients.ZERO)

    chunks = _chunks(start)
    for t in range(steps):
        output, chunks = operations.l2l_lstm_forward(x[t], chunks, *phi)
        np.testing.assert_allclose(output, outputs[t], rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(_rows(chunks)[:n], end, rtol=1e-4, atol=2e-5)

    x_cotangents, start_cotangents, linear, w = operations.l2l_lstm_backward(
        x, output_cotangents, _chunks(start), _chunks(end_cotangents), *phi
    )
    actual = (x_cotangents, _rows(start_cotangents)[:n], _packed(Stacked(tuple(w), linear)))
    for got, wanted in zip(tf.nest.flatten(actual), tf.nest.flatten(expected)):
        assert got.shape == wanted.shape
        largest = float(tf.reduce_max(tf.abs(wanted), keepdims=False)) if wanted.shape.num_elements() else 0.0
        np.testing.assert_allclose(got, wanted, atol=4e-5 * max(largest, 1.0))  # without fused multiply-add 2.7e-5


@pytest.mark.parametrize("sizes", [(), (1,), (4, 7), (20, 20, 3)], ids=str)
@pytest.mark.parametrize("n", [1, 5, 64, 130])
def test_states_are_cut_into_chunks_and_joined_again(operations, n, sizes):
    random, begin, after = np.random.default_rng(4), 128, 3
    tensors = [_draw(random, begin + n + after, size) for size in sizes]
    blocks = [operations.l2l_to_chunks(span, tensors) for span in ([0, begin], [begin, n])]
    rows = np.concatenate([np.zeros([begin + n + after, 0]), *tensors], 1)
    for block, expected in zip(blocks, (_chunks(rows[:begin]), _chunks(rows[begin : begin + n]))):
        np.testing.assert_array_equal(block, expected)
    for first, tensor in zip(np.cumsum([0, *sizes]), tensors):
        joined = operations.l2l_from_chunks([first, tensor.shape[1], begin + n], blocks)
        np.testing.assert_array_equal(joined, tensor[: begin + n])


@pytest.mark.parametrize("span", [[0], [-1, 5], [0, 11], [8, 3]], ids=str)
def test_spans_that_do_not_fit(operations, span):
    with pytest.raises(tf.errors.InvalidArgumentError, match="span is"):
        operations.l2l_to_chunks(span, [tf.zeros([10, 2])])


@pytest.mark.parametrize(
    ("where", "message"),
    [([0, 1], "where is"), ([-1, 1, 5], "rows first to"), ([2, 2, 5], "rows first to"), ([0, 1, 65], "n coordinates")],
    ids=str,
)
def test_rows_that_do_not_fit(operations, where, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        operations.l2l_from_chunks(where, [tf.zeros([1, 3, native.LANES])])


def test_numbers_that_are_not_finite_stay_with_their_coordinate(operations):
    """NaN is not lost, and infinity saturates."""
    random = np.random.default_rng(1)
    phi, _ = _weights(random, 1, (3,), 1)
    x = _draw(random, 1, 70).numpy()
    usual, _ = operations.l2l_lstm_forward(x, tf.zeros([2, 6, native.LANES]), *phi)
    x[0, 3], x[0, 66], x[0, 69] = np.nan, np.inf, -np.inf
    output, state = operations.l2l_lstm_forward(x, tf.zeros([2, 6, native.LANES]), *phi)
    others = np.delete(np.arange(70), [3, 66, 69])
    np.testing.assert_array_equal(output.numpy()[0, others], usual.numpy()[0, others])
    assert np.isnan(output[0, 3])
    assert np.isnan(state[0, :, 3]).all()
    assert np.isfinite(output.numpy()[0, [66, 69]]).all()


def test_a_step_does_not_change_a_state_that_somebody_keeps(operations):
    """The next state may take the memory of the one before only where nobody else has it."""
    random = np.random.default_rng(2)
    phi, _ = _weights(random, 1, (3,), 1)
    x, start = _draw(random, 1, 70), _draw(random, 2, 6, native.LANES)

    @tf.function
    def two_steps(start):
        _, state = operations.l2l_lstm_forward(x, start, *phi)
        _, last = operations.l2l_lstm_forward(x, state, *phi)
        return state, last

    before = start.numpy()
    state, last = two_steps(start)
    np.testing.assert_array_equal(start, before)
    np.testing.assert_array_equal(state, operations.l2l_lstm_forward(x, start, *phi)[1])
    np.testing.assert_array_equal(last, operations.l2l_lstm_forward(x, state, *phi)[1])
    assert np.abs(last - state).max() > 1e-3


def test_sums_over_later_steps(operations):
    random = np.random.default_rng(3)
    x, factors = random.normal(size=[5, 2, 3]).astype(np.float32), np.float32([7, 1, -2, 0, 3])
    weighted = factors[:, None, None] * x
    expected = [weighted[t + 1 :].sum(0) for t in range(4)]
    np.testing.assert_allclose(operations.l2l_later_sum(x, factors), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": tf.zeros([2, 70, 1])}, "features are"),
        ({"x": tf.zeros([3, 70])}, "weights of a layer are"),
        ({"state": tf.zeros([2, 5, 64])}, "the state is"),
        ({"state": tf.zeros([1, 6, 64])}, "the state is"),
        ({"linear": tf.zeros([3, 1])}, "weights of the linear layer are"),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit(operations, changed, message):
    (linear, w), _ = _weights(np.random.default_rng(0), 2, (3,), 1)
    arguments = {"x": tf.zeros([2, 70]), "state": tf.zeros([2, 6, 64]), "linear": linear, **changed}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        operations.l2l_lstm_forward(*arguments.values(), w)


def test_numbers_that_the_sources_repeat():
    folder = library.pathlib.Path(library.__file__).parent
    assert f"constexpr int kLanes = {native.LANES};" in (folder / "rows.h").read_text()
    source = (folder / "lstm.h").read_text()
    assert f"clamped(x, {tanh._BOUND}f)" in source
    for coefficient in tanh._NUMERATOR[:-1] + tanh._DENOMINATOR[:-1]:
        assert f"{coefficient:.8e}f" in source


class TestCompiling:
    """Where the library comes from, and what happens where it cannot be had."""

    @pytest.fixture(autouse=True)
    def _own_cache(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("L2L_NATIVE", raising=False)
        monkeypatch.setattr(library, "operations", library.operations.__wrapped__)
        self.cache = tmp_path / "cache" / "l2l_tf"

    def _compiler(self, monkeypatch, tmp_path, script):
        path = tmp_path / "compiler"
        path.write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("CXX", str(path))

    def test_the_library_is_compiled_once(self, monkeypatch, tmp_path):
        self._compiler(monkeypatch, tmp_path, "open(sys.argv[-1], 'w').write('library')")
        path = library.compiled()
        assert path.read_text() == "library"
        assert list(self.cache.iterdir()) == [path]
        monkeypatch.setattr(library.subprocess, "run", None)
        assert library.compiled() == path

    @pytest.mark.parametrize("left", ["", "libr", "Library"], ids=["empty", "cut short", "a bit flipped"])
    def test_a_damaged_library_is_compiled_again(self, monkeypatch, tmp_path, left):
        """It would end the process that loads it."""
        self._compiler(monkeypatch, tmp_path, "open(sys.argv[-1], 'w').write('library')")
        library.compiled().write_text(left)
        path = library.compiled()
        assert path.read_text() == "library"
        assert list(self.cache.iterdir()) == [path]

    def test_an_empty_library_is_the_compilers_fault_and_is_not_kept(self, monkeypatch, tmp_path, caplog):
        self._compiler(monkeypatch, tmp_path, "open(sys.argv[-1], 'w')")
        with caplog.at_level(logging.WARNING):
            assert library.operations() is None
        assert "wrote an empty file" in caplog.text
        assert list(self.cache.iterdir()) == []

    def test_what_a_killed_compilation_left_is_swept_up(self, monkeypatch, tmp_path):
        self._compiler(monkeypatch, tmp_path, "open(sys.argv[-1], 'w').write('library')")
        for name in ("compiling-old", "compiling-new"):
            (self.cache / name).mkdir(parents=True)
        os.utime(self.cache / "compiling-old", (0, 0))
        path = library.compiled()
        assert sorted(entry.name for entry in self.cache.iterdir()) == ["compiling-new", path.name]

    def test_other_sources_are_another_library(self, monkeypatch, tmp_path):
        self._compiler(monkeypatch, tmp_path, "open(sys.argv[-1], 'w').write('library')")
        first = library.compiled()
        monkeypatch.setattr(library, "_processor", lambda: "another")
        assert library.compiled() != first

    def test_a_compiler_that_fails(self, monkeypatch, tmp_path, caplog):
        """Training goes on without; nothing half-written is left."""
        self._compiler(monkeypatch, tmp_path, "open(sys.argv[-1], 'w').write('half')\nsys.exit('no such instruction')")
        with caplog.at_level(logging.WARNING):
            assert library.operations() is None
        assert "needs a C++ compiler" in caplog.text
        assert "no such instruction" in caplog.text
        assert list(self.cache.iterdir()) == []

    def test_no_compiler(self, monkeypatch, caplog):
        monkeypatch.delenv("CXX", raising=False)
        monkeypatch.setattr(library.shutil, "which", lambda _: None)
        with caplog.at_level(logging.WARNING):
            assert library.operations() is None
        assert "Received: no compiler" in caplog.text

    def test_a_library_that_does_not_load(self, monkeypatch, tmp_path, caplog):
        self._compiler(monkeypatch, tmp_path, "open(sys.argv[-1], 'w').write('no library')")
        with caplog.at_level(logging.WARNING):
            assert library.operations() is None
        assert "needs a C++ compiler" in caplog.text

    def test_a_folder_that_cannot_be_written(self, monkeypatch, tmp_path, caplog):
        (tmp_path / "cache").write_text("a file")
        with caplog.at_level(logging.WARNING):
            assert library.operations() is None
        assert "cache" in caplog.text

    def test_no_home(self, monkeypatch, caplog):
        def home():
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("CXX", "c++")
        monkeypatch.setattr(library.pathlib.Path, "home", home)
        with caplog.at_level(logging.WARNING):
            assert library.operations() is None
        assert "home directory" in caplog.text

    def test_a_compiler_without_end(self, monkeypatch, tmp_path, caplog):
        self._compiler(monkeypatch, tmp_path, "import time\ntime.sleep(60)")
        monkeypatch.setattr(library, "_MOST_SECONDS", 0.2)
        with caplog.at_level(logging.WARNING):
            assert library.operations() is None
        assert "timed out" in caplog.text

    def test_doing_without(self, monkeypatch):
        monkeypatch.setenv("L2L_NATIVE", "0")
        monkeypatch.setenv("CXX", "nobody-calls-this")
        assert library.operations() is None


def test_training_without_a_compiler():
    """A whole training step, in a process whose compiler fails."""
    program = (
        "import tensorflow as tf\n"
        "from l2l_tf import fast, networks\n"
        "from l2l_tf.unrolling import seeds, unroll\n"
        "from l2l_tf.unrolling.coordinates import AssignedNetworks\n"
        "from l2l_tf.unrolling.objectives import trajectory_objective\n"
        "import problems\n"
        "problem = problems.get('quadratic')\n"
        "network = AssignedNetworks({'cw': networks.get('CoordinateWiseDeepLSTM', layers=(2,))})\n"
        "run = unroll.start(problem, network, seeds.root(0))\n"
        "step = tf.function(lambda: fast.outer_gradient(problem, network, run, 2, trajectory_objective(2)))\n"
        "print(float(step().meta_loss))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "CXX": "false", "XDG_CACHE_HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0
    assert "Training is slower without native code" in done.stderr
