"""Residual networks under Keras optimizers: their layers, runs that start anew, and the table of courses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiments.talk import keras_runs, resnet, resnet_models
from experiments.talk.resnet import ADAM, SGD, Way


@pytest.mark.parametrize(("layers", "size", "shortcuts", "channels"), [(14, 32, 3, 128), (35, 64, 7, 1024)])
def test_it_has_so_many_layers(layers, size, shortcuts, channels):
    model = resnet_models.build(layers, size)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) - shortcuts + 1 == layers  # With the linear one.
    pool = next(layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    assert pool.input.shape == (None, 2, 2, channels)
    assert model.output_shape == (None, 10)


def _classifier(batch_size=4):
    generator = np.random.default_rng(0)
    images = tf.constant(generator.integers(0, 256, [20, 4, 4, 3]), tf.uint8)
    labels = tf.constant(generator.integers(0, 3, [20]), tf.int32)
    make = lambda: keras.Sequential([keras.Input([4, 4, 3]), keras.layers.Flatten(), keras.layers.Dense(3)])  # noqa: E731
    return keras_runs.Classifier(make, (images, labels), (images, labels), 4, batch_size), images, labels


def test_a_run_is_plain_training_and_starts_anew():
    classifier, images, labels = _classifier()
    optimizer = keras.optimizers.SGD(momentum=0.9)
    trainer = keras_runs.Trainer(classifier, optimizer)
    start = lambda: setattr(optimizer, "learning_rate", 0.1)  # noqa: E731
    courses = [trainer.run(seed, 6, 3, start) for seed in (1, 2, 1)]
    assert courses[0].steps == [2, 4, 6]
    assert courses[0].train == courses[2].train != courses[1].train
    assert courses[0].test == courses[2].test
    weights = classifier.drawn(1)
    moments, losses = [np.zeros_like(w) for w in weights], []
    for t in range(6):
        rows = tf.random.stateless_uniform([4], [1, t], 0, 20, tf.int32).numpy()
        x = images.numpy()[rows].reshape(4, -1) / np.float32(127.5) - 1
        logits = x @ weights[0] + weights[1]
        share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        hot = np.eye(3)[labels.numpy()[rows]]
        losses.append(-np.log((share * hot).sum(1)).mean())
        gradients = [x.T @ (share - hot) / 4, (share - hot).mean(0)]
        moments = [0.9 * m - 0.1 * g for m, g in zip(moments, gradients)]
        weights = [w + m for w, m in zip(weights, moments)]
    np.testing.assert_allclose(courses[0].train, np.reshape(losses, [3, 2]).mean(1), rtol=1e-4)
    logits = images.numpy().reshape(20, -1) / 127.5 @ weights[0] - weights[0].sum(0) + weights[1]
    assert courses[0].accuracy[-1] == pytest.approx((logits.argmax(1) == labels.numpy()).mean())


def _found(train, test, seconds):
    return {
        "train": np.array([[2.0, train]]),
        "test": np.array([[2.0, test]]),
        "accuracy": np.array([[0.1, 0.5]]),
        "seconds": np.array([[seconds / 2, seconds]]),
    }


FOUND = {
    Way("general", version="0123"): _found(1.0, 1.5, 40.0),
    Way("general", told=True, version="0123"): _found(np.inf, 1.2, 40.0),
    Way(ADAM, 0.001): _found(1.1, 1.4, 20.0),
    Way(ADAM, 0.01): _found(1.2, 1.3, 20.0),
    Way(SGD, 0.1): _found(1.3, 1.6, 10.0),
}


def test_the_table_holds_each_loss_against_the_best_rate_for_it():
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in resnet.table(FOUND).splitlines()]
    # When Adam has ended after 20 seconds, the rule is halfway.
    assert rows[2] == ["general", "**1.000**", "1.500", "50.0%", "40", "2.000"]
    assert rows[3] == ["general, told", "diverged", "**1.200**", "50.0%", "40", "2.000"]
    assert rows[4][0] == "Adam, 0.001"
    assert rows[6] == ["SGD, momentum 0.9, 0.1", "1.300", "1.600", "50.0%", "10", "1.300"]
    told = resnet.as_json(Way("general", told=True, version="0123"), FOUND)
    assert (told["learned"], told["train"], told["by_then"]) == (True, [2.0, None], 2.0)
    by_step, by_time, test = resnet.figure(FOUND, [5, 10]).axes
    assert [line.get_label() for line in test.lines][2:] == ["Adam, 0.01", "SGD, momentum 0.9, 0.1"]
    assert list(by_step.lines[0].get_xdata()) == [5, 10] and list(by_time.lines[0].get_xdata()) == [20.0, 40.0]


def test_a_rule_runs_told_and_not():
    from l2l_tf import pretrained

    ways = resnet.ways({"mnist": pretrained.path("mnist")}, resnet.RATES)
    assert [way.name for way in ways[:3]] == ["mnist", "mnist, told", "Adam, 0.0001"]
    assert len(ways) == 12
