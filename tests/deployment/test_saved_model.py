"""The exported SavedModel: the same function, any number of coordinates, and no need of this package."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import export_saved_model, networks
from l2l_tf.deployment import export_folder
from l2l_tf.networks import Observation
from l2l_tf.networks.classic import Sgd
from l2l_tf.saving import saved_optimizer
from l2l_tf.unrolling.coordinates import AssignedNetworks

LOG_AND_SIGN = {"preprocess_name": "LogAndSign", "preprocess_options": {"k": 10.0}, "scale": 0.1}


def _lstm(**options):
    return networks.get("CoordinateWiseDeepLSTM", **{"layers": [4, 3], "seed": 1, **LOG_AND_SIGN, **options})


@pytest.fixture(scope="module")
def lstm():
    return _lstm()


@pytest.fixture(scope="module")
def exported(lstm, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved_model") / "lstm"
    export_saved_model(lstm, path)
    return path


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported))


def _gradients(step, n=5):
    return (np.random.default_rng(step).normal(size=n) * 10.0 ** np.arange(-3, n - 3)).astype(np.float32)


def test_fifty_steps_are_those_of_the_network(lstm, loaded):
    state, own_state = loaded.initial_state(5), lstm.initial_state({"x": tf.zeros([5])})
    for step in range(50):
        gradients = tf.constant(_gradients(step))
        updates, state = loaded.update(gradients, state)
        own_updates, own_state = lstm(Observation({"x": gradients}), own_state)
        np.testing.assert_allclose(updates, own_updates["x"], atol=1e-6, rtol=0)
    for ours, theirs in zip(state, tf.nest.flatten(own_state), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("n", [0, 1, 1_000_000])
def test_any_number_of_coordinates(loaded, n):
    updates, state = loaded.update(tf.ones([n]), loaded.initial_state(n))
    assert updates.shape == [n]
    assert [tuple(h.shape) for h in state] == [(n, 4), (n, 4), (n, 3), (n, 3)]
    if n > 1:
        np.testing.assert_allclose(updates, np.full(n, updates[0]), rtol=1e-5)


def test_a_state_of_another_size_is_refused(loaded):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"gradients of n coordinates.*initial_state\(n\)"):
        loaded.update(tf.ones([4]), loaded.initial_state(3))


@pytest.mark.parametrize("gradients", [tf.ones([3], tf.float64), tf.ones([3, 1])], ids=["dtype", "shape"])
def test_gradients_of_another_type_or_shape_are_refused(loaded, gradients):
    with pytest.raises((TypeError, ValueError), match=r"gradients|float32"):
        loaded.update(gradients, loaded.initial_state(3))


def test_a_negative_number_is_refused(loaded):
    with pytest.raises(tf.errors.InvalidArgumentError, match="-1 must be >= 0"):
        loaded.initial_state(-1)


def test_signatures_are_named(loaded):
    state = loaded.signatures["initial_state"](num_coordinates=tf.constant(3))
    assert sorted(state) == ["state_0", "state_1", "state_2", "state_3"]
    served = loaded.signatures["update"](gradients=tf.ones([3]), **state)
    updates, _ = loaded.update(tf.ones([3]), loaded.initial_state(3))
    assert sorted(served) == ["next_state_0", "next_state_1", "next_state_2", "next_state_3", "updates"]
    np.testing.assert_array_equal(served["updates"], updates)


def test_differentiable_within_another_function(lstm, loaded):
    """d(u_1)/d(g_0) through two updates in a loop, against the network itself."""

    @tf.function
    def through_saved_model(gradients):
        with tf.GradientTape() as tape:
            tape.watch(gradients)
            state = loaded.initial_state(2)
            updates = tf.zeros([2])
            for _ in tf.range(2):
                updates, state = loaded.update(gradients, state)
        return tape.gradient(updates, gradients)

    gradients = tf.constant([0.1, -2.0])
    with tf.GradientTape() as tape:
        tape.watch(gradients)
        state = lstm.initial_state({"x": gradients})
        for _ in range(2):
            updates, state = lstm(Observation({"x": gradients}), state)
    expected = tape.gradient(updates["x"], gradients)
    assert np.all(np.abs(expected) > 1e-6)
    np.testing.assert_allclose(through_saved_model(gradients), expected, rtol=1e-4)


def test_metadata_says_what_it_is(lstm, tmp_path):
    saved_optimizer.save(AssignedNetworks({"cw": lstm}), tmp_path / "saved", {"problem": "quadratic"})
    export_saved_model(tmp_path / "saved", tmp_path / "out")
    metadata = json.loads(tf.saved_model.load(str(tmp_path / "out")).metadata().numpy())
    assert metadata["network"] == "CoordinateWiseDeepLSTM"
    assert metadata["net_options"] == lstm.options
    assert metadata["trained_on"] == {"problem": "quadratic"}
    assert metadata["state"][0] == {"shape": [None, 4], "dtype": "float32"}


def test_several_networks_go_to_a_folder_each(lstm, tmp_path):
    both = AssignedNetworks({"conv": lstm, "adam": networks.get("Adam")}, [("conv", ["a"]), ("adam", ["b"])])
    export_saved_model(both, tmp_path / "both")
    assert sorted(entry.name for entry in (tmp_path / "both").iterdir()) == ["adam", "conv", export_folder.MARKER]
    for name in ("conv", "adam"):
        loaded = tf.saved_model.load(str(tmp_path / "both" / name))
        assert json.loads(loaded.metadata().numpy())["name"] == name


def test_an_export_replaces_an_earlier_one_and_nothing_else(lstm, tmp_path):
    path = tmp_path / "out"
    path.mkdir()
    export_saved_model(networks.get("Sgd"), path)
    export_saved_model(lstm, path)
    assert len(tf.saved_model.load(str(path)).initial_state(1)) == 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("...")
    (path / "notes.txt").write_text("beside an export")
    # Models of somebody else's, and as TensorFlow Serving has them.
    tf.saved_model.save(tf.Module(), str(tmp_path / "model"))
    tf.saved_model.save(tf.Module(), str(tmp_path / "served" / "1"))
    for kept in ("mine/thesis.tex", "out/notes.txt", "model/saved_model.pb", "served/1/saved_model.pb"):
        with pytest.raises(ValueError, match=r"other files are kept"):
            export_saved_model(lstm, tmp_path / kept.split("/")[0])
        assert (tmp_path / kept).exists()


@pytest.mark.parametrize("name", ["CoordinateWiseDeepLSTM", "RNNProp", "Adam"])
def test_a_coordinate_without_a_usable_gradient_waits(name, tmp_path):
    export_saved_model(networks.get(name), tmp_path / "out")
    learned = tf.saved_model.load(str(tmp_path / "out"))
    state = learned.initial_state(3)
    for bad in (float("nan"), float("inf"), 1e20):
        updates, state = learned.update(tf.constant([1.0, bad, -1.0]), state)
        assert updates[1] == 0
        assert all(np.isfinite(tensor).all() for tensor in state)
    alone = learned.initial_state(1)
    for _ in range(3):
        expected, alone = learned.update(tf.constant([-1.0]), alone)
    np.testing.assert_allclose(updates[2:], expected, rtol=1e-5)


def test_under_xla(loaded):
    compiled = tf.function(loaded.update, jit_compile=True)
    gradients = tf.constant([1.0, -0.5])
    for ours, theirs in zip(
        compiled(gradients, loaded.initial_state(2)), loaded.update(gradients, loaded.initial_state(2))
    ):
        tf.nest.map_structure(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), ours, theirs)


class Failing(Sgd):
    def __call__(self, observation, state):
        raise OSError("No space left on device")


def test_a_failed_export_leaves_the_earlier_one(lstm, tmp_path):
    path = tmp_path / "out"
    export_saved_model(lstm, path)
    with pytest.raises(OSError, match="No space"):
        export_saved_model(Failing(), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert len(tf.saved_model.load(str(path)).initial_state(1)) == 4


_WITHOUT_THE_PACKAGE = """
import sys
for name in ("l2l_tf", "problems", "sonnet", "tree"):
    sys.modules[name] = None  # importing it raises
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
with np.load(sys.argv[2]) as steps:
    state = loaded.initial_state(5)
    for t in range(len(steps["gradients"])):
        updates, state = loaded.update(steps["gradients"][t], state)
        np.testing.assert_allclose(updates, steps["updates"][t], atol=1e-6, rtol=0)
assert loaded.update(tf.zeros([0]), loaded.initial_state(0))[0].shape == [0]
print(len(steps.files), loaded.metadata().numpy().decode()[:20])
"""


def test_loads_where_neither_this_package_nor_sonnet_is_installed(lstm, exported, tmp_path):
    gradients = np.stack([_gradients(step) for step in range(3)])
    state, updates = lstm.initial_state({"x": tf.zeros([5])}), []
    for gradient in gradients:
        update, state = lstm(Observation({"x": tf.constant(gradient)}), state)
        updates.append(update["x"].numpy())
    np.savez(tmp_path / "steps.npz", gradients=gradients, updates=np.stack(updates))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_THE_PACKAGE, str(exported), str(tmp_path / "steps.npz")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('2 {"format_version": 1')


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TFLite gives way to LiteRT
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")
def test_converts_to_tflite(exported, loaded):
    converter = tf.lite.TFLiteConverter.from_saved_model(str(exported), signature_keys=["update"])
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    update = interpreter.get_signature_runner("update")
    gradients = _gradients(0)
    state = loaded.initial_state(5)
    converted = update(gradients=gradients, **{f"state_{i}": h.numpy() for i, h in enumerate(state)})
    updates, _ = loaded.update(gradients, state)
    np.testing.assert_allclose(converted["updates"], updates, atol=1e-6, rtol=0)


def test_converts_to_onnx(loaded, tmp_path):
    tf2onnx = pytest.importorskip("tf2onnx", reason="needs the extra: pip install l2l_tf[onnx]")
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra: pip install l2l_tf[onnx]")
    serve = loaded.signatures["update"]
    specs = [tf.TensorSpec([None], tf.float32, name="gradients")]
    specs += [tf.TensorSpec([None, h], tf.float32, name=f"state_{i}") for i, h in enumerate([4, 4, 3, 3])]

    @tf.function(input_signature=specs)
    def update(gradients, *state):
        return serve(gradients=gradients, **{f"state_{i}": h for i, h in enumerate(state)})

    path = tmp_path / "update.onnx"
    tf2onnx.convert.from_function(update, input_signature=specs, opset=17, output_path=str(path))
    session = onnxruntime.InferenceSession(str(path))
    state = loaded.initial_state(5)
    feed = {"gradients": _gradients(0), **{f"state_{i}": h.numpy() for i, h in enumerate(state)}}
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, feed)))
    updates, _ = loaded.update(feed["gradients"], state)
    np.testing.assert_allclose(outputs["updates"], updates, atol=1e-6, rtol=0)
