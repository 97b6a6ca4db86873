"""Data in four roles: splits, sizes, colours, words."""

import numpy as np
import pytest
import tensorflow as tf

from problems import taskset
from problems.taskset.data import augmentation, synthetic, tables, vocabulary
from problems.taskset.data.images import Images
from problems.taskset.data.texts import Texts
from tests.conftest import tiny_images
from tests.problems.taskset import configs

SEED = tf.constant([3, 4])


def _images(data_dir=None, **changes):
    return Images({**configs.IMAGES, **changes}, data_dir)


def _texts(vocabulary_size=50, **changes):
    return Texts({**configs.LANGUAGE, "tokens": "words", **changes}, vocabulary_size)


def _all(source, role):
    return source.batch(role, tf.range(source.count(role)), SEED)


@pytest.mark.parametrize(
    ("count", "has_test", "piece", "expected"),
    [
        (
            60_000,
            True,
            5_000,
            {"train": (0, 50_000), "validation": (50_000, 55_000), "outer_validation": (55_000, 60_000)},
        ),
        (
            25_000,
            False,
            3_000,
            {
                "train": (0, 16_669),
                "validation": (16_669, 19_446),
                "outer_validation": (19_446, 22_223),
                "test": (22_223, 25_000),
            },
        ),
        (60, True, 5_000, {"train": (0, 48), "validation": (48, 54), "outer_validation": (54, 60)}),
    ],
)
def test_pieces_of_the_training_split(count, has_test, piece, expected):
    rows = tables.rows(count, has_test, piece)
    assert rows == {role: range(*ends) for role, ends in expected.items()}


def test_images_as_they_are_stored(tiny_data_dir):
    source = _images(tiny_data_dir, dataset="mnist", size=None, grey=False, num_train=20)
    train, labels = tiny_images(60, (28, 28, 1))
    test, _ = tiny_images(30, (28, 28, 1))
    for role, images in (
        ("train", train[:20]),
        ("validation", train[48:54]),
        ("outer_validation", train[54:]),
        ("test", test),
    ):
        received, received_labels = _all(source, role)
        np.testing.assert_allclose(received, images / 255, rtol=1e-6)
        np.testing.assert_array_equal(
            received_labels,
            np.arange(len(labels))[: len(images)] % 10
            if role in ("train", "test")
            else labels[48:54]
            if role == "validation"
            else labels[54:],
        )


def test_just_train_is_training_data_in_every_role(tiny_data_dir):
    source = _images(tiny_data_dir, dataset="mnist", size=None, num_train=7, just_train=True)
    for role in tables.ROLES:
        np.testing.assert_array_equal(_all(source, role)[0], _all(source, "train")[0])
        assert source.count(role) == 7
    texts = _texts(just_train=True, num_train=5)
    for role in tables.ROLES:
        np.testing.assert_array_equal(_all(texts, role), _all(texts, "train"))


@pytest.mark.parametrize("size", [8, 16, 32])
def test_sizes_and_grey(size, tiny_data_dir):
    images, _ = _all(_images(tiny_data_dir, dataset="cifar10", size=size, num_train=2, grey=True), "train")
    assert images.shape == [2, size, size, 1]
    original = tiny_images(60, (32, 32, 3))[0][:2]
    grey = original.astype(float) @ [0.2989, 0.587, 0.114] / 255
    if size == 32:
        np.testing.assert_allclose(images[..., 0], grey, atol=0.003)
    else:
        # The mean stays where a pixel is about the mean of those that it covers.
        np.testing.assert_allclose(np.mean(images, (1, 2, 3)), grey.mean((1, 2)), atol=0.01)
        blocks = grey.reshape(2, size, 32 // size, size, 32 // size).mean((2, 4))
        assert np.corrcoef(np.ravel(images), np.ravel(blocks))[0, 1] > 0.8


def test_merged_classes(tiny_data_dir):
    for merged in (2, 5):
        source = _images(tiny_data_dir, dataset="cifar10", size=8, grey=False, classes=merged, num_train=20)
        np.testing.assert_array_equal(_all(source, "train")[1], (np.arange(20) % 10) * merged // 10)
    assert tables.num_classes({**configs.IMAGES, "classes": 5}) == 5 and tables.num_classes(configs.IMAGES) == 10


def test_synthetic_images_can_be_learned():
    images, labels = synthetic.images("train")
    means = np.array([images[labels == label][:300].mean(0) for label in range(10)])
    test, test_labels = synthetic.images("test")
    distances = ((test[:300, np.newaxis].astype(float) - means) ** 2).sum((2, 3, 4))
    assert np.mean(distances.argmin(1) == test_labels[:300]) > 0.5


def test_colours_are_those_of_tf_image():
    images = tf.random.stateless_uniform([20, 5, 5, 3], SEED)
    ones = tf.ones([20, 1, 1, 1])
    for factor in (0.0, 0.4, 1.0, 3.0):
        received = augmentation.saturated(images, factor * ones)
        np.testing.assert_allclose(received, tf.image.adjust_saturation(images, factor), atol=1e-5)
    for turn in (-0.5, -0.1, 0.0, 0.3):
        received = augmentation.turned(images, turn * ones)
        np.testing.assert_allclose(received, tf.image.adjust_hue(images, turn), atol=1e-5)
    grey = tf.fill([2, 3, 3, 3], 0.3)
    np.testing.assert_allclose(augmentation.turned(augmentation.saturated(grey, ones[:2]), ones[:2]), grey, atol=1e-6)


def test_crops_and_flips_are_of_each_image():
    config = {"crop": 2, "flip_left_right": True, "flip_up_down": True, "color": None}
    images = tf.random.stateless_uniform([40, 6, 5, 1], SEED)
    draws = augmentation.draw(config, 40, SEED)
    received = augmentation.augment(config, images, draws).numpy()
    seen = set()
    for i, image in enumerate(images.numpy()):
        top, left = int(draws["top"][i]), int(draws["left"][i])
        expected = image[top : top + 4, left : left + 3]
        right, down = float(draws["flip_left_right"][i]) < 0.5, float(draws["flip_up_down"][i]) < 0.5
        expected = expected[:, ::-1] if right else expected
        np.testing.assert_array_equal(received[i], expected[::-1] if down else expected)
        seen.add((top, left, right, down))
    assert {each[0] for each in seen} == {each[1] for each in seen} == {0, 1, 2}
    assert {each[2:] for each in seen} == {(False, False), (False, True), (True, False), (True, True)}


def test_augmented_images_of_a_task():
    color = {"brightness": 0.2, "saturation": 0.9, "hue": 0.4, "contrast": 0.9}
    augmented = {"crop": 1, "flip_left_right": False, "flip_up_down": False, "color": color}
    plain = _images(size=8, grey=False)
    source = _images(size=8, grey=False, augmentation=augmented)
    images, labels = _all(source, "validation")
    assert tables.image_shape({**configs.IMAGES, "size": 8, "grey": False, "augmentation": augmented}) == (7, 7, 3)
    assert images.shape[1:] == [7, 7, 3]
    assert np.min(images) >= 0 and np.max(images) <= 1
    np.testing.assert_array_equal(labels, _all(plain, "validation")[1])
    again = source.batch("validation", tf.range(3), SEED + 1)[0]
    assert np.max(np.abs(again - images[:3])) > 0.01


def test_words_are_counted():
    texts = [b"The cat, the dog!", b"A cat. the", b"zebra the new", b""]
    assert vocabulary.words(texts[0]) == ["the", "cat", ",", "the", "dog", "!"]
    tokens = vocabulary.by_words(texts, num_counted=2)
    # the 3, cat 2, then ! , . a dog once each, by the alphabet; what was not counted comes last.
    ranks = {"the": 1, "cat": 2, "!": 3, ",": 4, ".": 5, "a": 6, "dog": 7}
    expected = [[1, 2, ranks[","], 1, 7, 3], [6, 2, 5, 1], [8, 1, 8], [5]]
    np.testing.assert_array_equal(tokens.flat, np.concatenate(expected))
    np.testing.assert_array_equal(tokens.starts, [0, 6, 10, 13])
    np.testing.assert_array_equal(tokens.lengths, [6, 4, 3, 1])


def test_bytes():
    tokens = vocabulary.by_bytes([b"ab", b"", "é".encode()])
    np.testing.assert_array_equal(tokens.flat, [97, 98, 32, 0xC3, 0xA9])
    np.testing.assert_array_equal(tokens.starts, [0, 2, 3])
    np.testing.assert_array_equal(tokens.lengths, [2, 1, 2])


def test_windows_of_texts():
    source = _texts(vocabulary_size=30, patch=40, tokens="bytes")
    texts, _ = synthetic.texts()
    order = np.random.default_rng(0).permutation(len(texts))
    whole = [np.frombuffer(texts[i], np.uint8) for i in order]
    offsets = set()
    tokens = _all(source, "train").numpy()
    for row, text in zip(tokens[:200], whole[:200], strict=True):
        clipped = np.minimum(text, 29)
        padded = np.concatenate([clipped, np.zeros(max(0, 40 - len(text)), np.uint8)])
        found = [s for s in range(len(padded) - 39) if np.array_equal(padded[s : s + 40], row)]
        assert found
        offsets.update(found)
    assert len(offsets) > 20
    long = _texts(patch=250)
    tokens = _all(long, "validation").numpy()
    assert np.all(tokens[:, 130:] == vocabulary.PADDING) and np.all(tokens[:, 0] != vocabulary.PADDING)
    assert tokens.max() == 49


def test_text_labels():
    source = _texts(kind="text_classification")
    _, labels = synthetic.texts()
    order = np.random.default_rng(0).permutation(len(labels))
    np.testing.assert_array_equal(_all(source, "train")[1], labels[order][: source.count("train")])
    half = _texts(label=1)
    counts = [sum(each.count(role) for role in tables.ROLES) for each in (source, half)]
    assert counts == [3_000, int((labels == 1).sum())]


def test_real_reviews(data_dir):
    config = configs.with_data("rnn_text_classification", dataset="imdb_reviews", tokens="bytes", num_train=50)
    source = taskset.build({**config, "vocabulary": 128}, data_dir)._source
    assert [source.count(role) for role in tables.ROLES] == [50, 2_777, 2_777, 2_777]
    tokens, labels = _all(source, "test")
    assert np.mean(labels) == pytest.approx(0.5, abs=0.04)
    assert np.mean(tokens == ord(" ")) == pytest.approx(0.18, abs=0.03)


def test_real_images(data_dir):
    source = Images({**configs.IMAGES, "dataset": "mnist", "size": None, "grey": False, "num_train": None}, data_dir)
    assert [source.count(role) for role in tables.ROLES] == [50_000, 5_000, 5_000, 10_000]
    assert source.batch("test", tf.range(3), SEED)[0].shape == [3, 28, 28, 1]
