"""The image problems, against NumPy on given arrays, and on the real data where it is."""

import numpy as np
import pytest
import tensorflow as tf

import problems
from problems import ImageClassification
from problems.layers import ConvNet, Mlp
from problems.problem import draw_rows
from tests.conftest import tiny_images

SEED = tf.constant([3, -4])
SHAPE = (4, 4, 1)


def _load(split):
    return tiny_images(60 if split == "train" else 30, SHAPE)


def _mlp(**options):
    return ImageClassification(Mlp(16, [3], 10, "sigmoid"), _load, batch_size=8, validation_size=20, **options)


def _cross_entropies(parameters, images, labels):
    p = {name: np.asarray(x, np.float64) for name, x in parameters.items()}
    x = images.reshape(len(images), -1) / 255.0
    h = 1 / (1 + np.exp(-(x @ p["mlp/linear_0/w"] + p["mlp/linear_0/b"])))
    logits = h @ p["mlp/linear_1/w"] + p["mlp/linear_1/b"]
    return np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]


def test_loss_agrees_with_numpy_and_draws_from_its_split():
    train_images, train_labels = _load("train")
    test_images, test_labels = _load("test")
    for mode, images, labels in (
        ("train", train_images[:40], train_labels[:40]),
        ("test", test_images, test_labels),
    ):
        problem = _mlp(mode=mode, stddev=1.0)
        parameters = problem.initial_parameters((), SEED)
        rows = draw_rows(SEED, 8, len(images)).numpy()
        expected = _cross_entropies(parameters, images[rows], labels[rows]).mean()
        np.testing.assert_allclose(problem.loss(parameters, (), SEED), expected, rtol=1e-5)
        rows = 40 + draw_rows(SEED, 8, 20).numpy()
        expected = _cross_entropies(parameters, train_images[rows], train_labels[rows]).mean()
        np.testing.assert_allclose(problem.validation_loss(parameters, (), SEED), expected, rtol=1e-5)


def test_held_out_loss_is_the_mean_over_the_whole_split():
    problem = _mlp(stddev=1.0)
    parameters = problem.initial_parameters((), SEED)
    train_images, train_labels = _load("train")
    expected = {
        "validation": _cross_entropies(parameters, train_images[40:], train_labels[40:]).mean(),
        "test": _cross_entropies(parameters, *_load("test")).mean(),
    }
    for split in problem.held_out_splits:
        np.testing.assert_allclose(problem.held_out_loss(parameters, (), split), expected[split], rtol=1e-5)


def test_held_out_loss_of_more_than_one_batch():
    def load(split):
        return tiny_images(1_201, SHAPE)

    problem = ImageClassification(Mlp(16, [3], 10, "sigmoid"), load, validation_size=20, stddev=1.0)
    parameters = problem.initial_parameters((), SEED)
    expected = _cross_entropies(parameters, *load("test")).mean()
    held_out = tf.function(lambda parameters: problem.held_out_loss(parameters, (), "test"))
    np.testing.assert_allclose(held_out(parameters), expected, rtol=1e-5)


def test_data_first_used_while_tracing_stays_usable():
    problem = _mlp()
    parameters = problem.initial_parameters((), SEED)
    traced = tf.function(problem.validation_loss)(parameters, (), SEED)
    np.testing.assert_allclose(traced, problem.validation_loss(parameters, (), SEED), rtol=1e-6)


def test_a_subset_of_labels_is_relabelled_in_its_order():
    problem = ImageClassification(
        ConvNet([4, 4, 1], [2], [3], 2), _load, labels=[7, 3], batch_size=64, validation_size=20
    )
    for split, rows in (("train", [3, 7, 13, 17, 23, 27, 33, 37]), ("validation", [43, 47, 53, 57])):
        data = problem._split(split)
        np.testing.assert_array_equal(data.rows, rows)
        np.testing.assert_array_equal(tf.gather(data.labels, data.rows), [1, 0] * (len(rows) // 2))


def test_theta_0_is_gaussian_but_for_the_offsets_of_batch_normalisation():
    problem = ImageClassification(ConvNet([4, 4, 1], [8], [64], 10), _load, validation_size=20, stddev=0.5)
    for name, x in problem.initial_parameters((), SEED).items():
        if name.endswith("/beta"):
            np.testing.assert_array_equal(x, np.zeros(x.shape))
        elif x.shape.num_elements() > 100:
            assert np.std(x) == pytest.approx(0.5, rel=0.2), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "valid"}, r"mode is one of \['train', 'test'\]\. Received: mode='valid'\."),
        ({"batch_size": 0}, r"batch_size is a whole number of at least 1\. Received: batch_size=0\."),
        ({"validation_size": 60}, "less than the number of training images, 60. Received: 60."),
        ({"activation": "step"}, r"activation is one of .*'sigmoid'.* Received: activation='step'\."),
        ({"layers": [0]}, r"layers is a list, each a whole number of at least 1\. Received: layers=\[0\]\."),
    ],
)
def test_options_out_of_range(options, message, tiny_data_dir):
    with pytest.raises(ValueError, match=message):
        problems.get("mnist", data_dir=tiny_data_dir, **options)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], r"labels is a list of 1 or more, .* Received: labels=\[\]\."),
        ([1, 1], r"labels is a list of different labels\. Received: \[1, 1\]\."),
        ([10], r"labels holds no number beyond 9\. Received: labels=\[10\]\."),
        ("37", r"labels is a list of 1 or more, .* Received: labels='37'\."),
    ],
)
@pytest.mark.parametrize("name", ["mnist", "cifar"])
def test_labels_out_of_range(name, labels, message, tiny_data_dir):
    with pytest.raises(ValueError, match=message):
        problems.get(name, data_dir=tiny_data_dir, labels=labels)


def test_mnist_of_some_labels_has_as_many_classes(tiny_data_dir):
    options = {"data_dir": tiny_data_dir, "validation_size": 20, "layers": []}
    problem = problems.get("mnist", **options, labels=[3, 5, 7])
    theta = problem.initial_parameters((), tf.constant([0, 0]))
    assert theta["mlp/linear_0/w"].shape == [784, 3]
    assert problem.options["labels"] == [3, 5, 7]
    assert "labels" not in problems.get("mnist", **options).options  # Keys of searches that were kept have none.


def test_real_mnist(data_dir):
    problem = problems.get("mnist", data_dir=data_dir, stddev=0.1)
    assert [problem._split(split).rows.shape[0] for split in ("train", "validation", "test")] == [55_000, 5_000, 10_000]
    assert _falls(problem, learning_rate=3.0, steps=40) < 0.8


def test_real_cifar_subset(data_dir):
    problem = problems.get("cifar", data_dir=data_dir, stddev=0.1, labels=[0, 1], conv_channels=[4, 4], batch_size=64)
    assert problem._split("test").rows.shape[0] == 2_000
    assert _falls(problem, learning_rate=0.1, steps=40) < 0.6


def _falls(problem, learning_rate, steps):
    """The test loss after steepest descent."""

    @tf.function
    def step(parameters, seed):
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            loss = problem.loss(parameters, (), seed)
        gradients = tape.gradient(loss, parameters)
        return {name: x - learning_rate * gradients[name] for name, x in parameters.items()}

    parameters = problem.initial_parameters((), SEED)
    for i in range(steps):
        parameters = step(parameters, tf.constant([0, i]))
    return float(problem.held_out_loss(parameters, (), "test"))


def test_input_noise_is_on_held_out_images_only():
    clean, noisy = _mlp(stddev=1.0), _mlp(stddev=1.0, input_noise=0.5)
    parameters = clean.initial_parameters((), SEED)
    np.testing.assert_array_equal(noisy.loss(parameters, (), SEED), clean.loss(parameters, (), SEED))
    first, again, other = (noisy.validation_loss(parameters, (), seed) for seed in (SEED, SEED, SEED + 1))
    assert first == again != other
    assert first != clean.validation_loss(parameters, (), SEED)
    split = noisy.held_out_loss(parameters, (), "test")
    assert split == noisy.held_out_loss(parameters, (), "test") != clean.held_out_loss(parameters, (), "test")


def test_input_noise_is_gaussian():
    class Pixels:
        shapes = {}  # noqa: RUF012

        def logits(self, parameters, images):
            self.images = images
            return tf.zeros([len(images), 10])

    pixels = Pixels()
    dark = np.zeros((600, 4, 4, 1), np.uint8), np.zeros(600)
    problem = ImageClassification(pixels, lambda split: dark, validation_size=500, input_noise=0.25)
    problem.held_out_loss({}, (), "validation")
    assert np.std(pixels.images) == pytest.approx(0.25, rel=0.03)
    assert np.mean(pixels.images) == pytest.approx(0.0, abs=0.01)


def test_running_averages_of_the_minibatches_moments():
    net = ConvNet([4, 4, 1], [2], [3], 10)
    problem = ImageClassification(net, _load, batch_size=8, validation_size=20, stddev=1.0)
    parameters = problem.initial_parameters((), SEED)
    images, labels = _load("test")
    train_images, _ = _load("train")
    rows = draw_rows(SEED, 8, 40).numpy()
    moments = net.moments(parameters, tf.constant(train_images[rows] / 255.0, tf.float32))
    statistics = problem.statistics(parameters, (), SEED)
    for name, expected in moments.items():
        np.testing.assert_allclose(statistics[name], expected, rtol=1e-4, atol=1e-6)
    logits = net.logits(parameters, tf.constant(images / 255.0, tf.float32), moments).numpy()
    expected = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(30), labels])
    assert problem.averaged_splits == ("test_running_averages",)
    received = problem.averaged_loss(parameters, (), "test_running_averages", statistics)
    np.testing.assert_allclose(received, expected, rtol=1e-4)
    assert abs(float(received) - float(problem.held_out_loss(parameters, (), "test"))) > 1e-3


def test_no_running_averages_without_batch_normalisation():
    problem = _mlp()
    problem.name = "mlp"
    assert problem.averaged_splits == ()
    with pytest.raises(NotImplementedError, match=r"^The problem 'mlp' keeps no running averages\.$"):
        problem.statistics(problem.initial_parameters((), SEED), (), SEED)
    with pytest.raises(ValueError, match=r"has no split 'test' for running averages; it has \[\]\.$"):
        problem.averaged_loss({}, (), "test", {})


@pytest.mark.parametrize("stddev", [0.01, 0.1])
def test_most_gradients_on_mnist_are_too_small_for_k_of_5(data_dir, stddev):
    """Why the presets have k = 10: docs/train/not_learning.md, the first cause."""
    problem = problems.get("mnist", stddev=stddev, data_dir=data_dir)
    parameters = problem.initial_parameters((), SEED)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        loss = problem.loss(parameters, (), SEED)
    gradients = np.concatenate([np.abs(g).ravel() for g in tape.gradient(loss, parameters).values()])
    moving = gradients[gradients > 0]
    assert 0.25 < 1 - len(moving) / len(gradients) < 0.4  # pixels that are black in all of the minibatch
    assert 0.97 < (moving < np.exp(-5)).mean() < 0.995
    assert (moving < np.exp(-10)).mean() < 0.5
