import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import problems
from l2l_tf.commands import command_line
from problems import neural_art, pictures, vgg
from problems.neural_art import NeuralArt
from problems.problem import draw_rows, split_seed
from tests.problems import art_files

SEED = tf.constant([3, 4])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return art_files.write(tmp_path_factory.mktemp("art") / "files")


@pytest.fixture(scope="module")
def problem(files):
    return NeuralArt(**files, size=16, dtype="float64")


def _numpy_features(image):
    """The definition, in NumPy: theta to layer -> features."""
    from keras.applications.vgg19 import preprocess_input

    stored = art_files.weights()
    x = preprocess_input(127.5 * (np.array(image, np.float64) + 1))
    found, block = {}, "block1"
    for layer in art_files.CHANNELS:
        if layer[:6] != block:
            x, block = (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4, layer[:6]
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        height, width = x.shape[:2]
        windows = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3)]
        kernel = stored[f"{layer}/kernel"].astype(np.float64).reshape(9, *stored[f"{layer}/kernel"].shape[2:])
        x = sum(window @ kernel[i] for i, window in enumerate(windows)) + stored[f"{layer}/bias"]
        x = found[layer] = np.maximum(x, 0)
    return found


def _numpy_gram(x):
    return np.einsum("ijc,ijd->cd", x, x) / (x.shape[0] * x.shape[1])


def test_loss_is_content_style_and_variation_as_in_numpy(files, problem):
    instance = problem.sample(SEED)
    image = problem.initial_parameters(instance, SEED)["image"].numpy()
    row = draw_rows(split_seed(SEED, 2)[0], 1, 8).numpy()[0]
    content = pictures.read(Path(files["content"]) / f"{row}.png", 16, 16) / 127.5 - 1
    np.testing.assert_allclose(instance.image, content)
    ours, target = _numpy_features(image), _numpy_features(content)["block3_conv2"]
    style_target = _numpy_features(pictures.read(Path(files["style"]), 16, 16) / 127.5 - 1)
    content_error = np.sum((ours["block3_conv2"] - target) ** 2) / np.sum(target**2)
    style_errors = []
    for layer in ("block1_conv1", "block2_conv1", "block3_conv1", "block3_conv4"):
        gram = _numpy_gram(style_target[layer])
        style_errors.append(np.sum((_numpy_gram(ours[layer]) - gram) ** 2) / np.sum(gram**2))
    variation = np.mean((image[1:] - image[:-1]) ** 2) + np.mean((image[:, 1:] - image[:, :-1]) ** 2)
    expected = [content_error, np.mean(style_errors), variation]
    np.testing.assert_allclose(problem.terms({"image": image}, instance), expected, rtol=1e-8)
    loss = problem.loss({"image": image}, instance, SEED)
    np.testing.assert_allclose(loss, np.dot([0.05, 1.0, 0.03], expected), rtol=1e-8)


def test_gradient_is_the_slope(problem):
    instance = problem.sample(SEED)
    image = problem.initial_parameters(instance, SEED)["image"]
    direction = tf.random.stateless_normal(image.shape, SEED, dtype=image.dtype)
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = problem.loss({"image": image}, instance, SEED)
    slope = tf.reduce_sum(tape.gradient(loss, image) * direction)
    ahead, behind = (problem.loss({"image": image + h * direction}, instance, SEED) for h in (1e-6, -1e-6))
    np.testing.assert_allclose((ahead - behind) / 2e-6, slope, rtol=1e-4)


def test_nothing_is_lost_at_the_target(files):
    problem = NeuralArt(
        **{**files, "style": files["content"] + "/0.png", "content": files["content"] + "/0.png"}, size=16
    )
    instance = problem.sample(SEED)
    content, style, _ = problem.terms({"image": instance.image}, instance)
    assert float(content) == float(style) == 0


def test_start_and_shape(files):
    problem = NeuralArt(**files, size=[16, 20], start="content", stddev=0.5)
    instance = problem.sample(SEED)
    around_content = problem.initial_parameters(instance, SEED)["image"]
    around_grey = NeuralArt(**files, size=[16, 20], stddev=0.5).initial_parameters(instance, SEED)["image"]
    assert around_grey.shape == [16, 20, 3]
    np.testing.assert_allclose(around_content - around_grey, instance.image, atol=1e-6)
    assert 0.45 < np.std(around_grey) < 0.55


def test_draws_are_from_the_split_and_of_every_style(files):
    styles = [files["style"], files["content"] + "/0.png"]
    drawn = {}
    for split in ("train", "validation", "test"):
        problem = NeuralArt(**{**files, "style": styles}, size=16, split=split)
        instances = [problem.sample(tf.constant([i, 0])) for i in range(40)]
        drawn[split] = {neural_art.to_pixels(instance.image).tobytes() for instance in instances}
        grams = {instance.style["block1_conv1"].numpy().tobytes() for instance in instances}
        assert len(grams) == 2
    stored = [pictures.read(path, 16, 16).tobytes() for path in sorted(Path(files["content"]).iterdir())]
    assert drawn == {"train": set(stored[:8]), "validation": {stored[8]}, "test": {stored[9]}}


def test_splits_of_a_folder(tmp_path):
    for i in range(640):
        (tmp_path / f"{i:04}.jpg").touch()
    (tmp_path / "LICENCE.txt").touch()
    names = {split: [path.stem for path in pictures.find("content", tmp_path, split)] for split in pictures.SPLITS}
    ends = {split: (found[0], found[-1], len(found)) for split, found in names.items()}
    assert ends == {
        "train": ("0000", "0511", 512),
        "validation": ("0512", "0575", 64),
        "test": ("0576", "0639", 64),
    }
    assert len(pictures.find("content", tmp_path, "all")) == 640


def test_pictures_are_cut_in_the_middle_and_turned_upright(tmp_path):
    array = np.zeros((8, 24, 3), np.uint8)
    array[:, 8:16] = [255, 0, 100]
    Image.fromarray(array).save(tmp_path / "wide.png")
    assert (pictures.read(tmp_path / "wide.png", 8, 8) == [255, 0, 100]).all()
    exif = Image.Exif()
    exif[274] = 6  # Held on its side.
    Image.fromarray(array).save(tmp_path / "turned.png", exif=exif)
    assert pictures.shape(tmp_path / "turned.png") == (24, 8)
    np.testing.assert_array_equal(pictures.read(tmp_path / "turned.png", 24, 8), array.transpose(1, 0, 2))
    Image.fromarray(array[:, :, 0]).convert("LA").save(tmp_path / "grey.png")
    np.testing.assert_array_equal(pictures.read(tmp_path / "grey.png", 8, 24), array[:, :, :1].repeat(3, 2))


def test_pixels_and_theta():
    image = tf.constant([[[-1.0, 0.0, 1.0]], [[-2.0, 0.5, 2.0]]])
    np.testing.assert_array_equal(neural_art.to_pixels(image), [[[0, 128, 255]], [[0, 191, 255]]])


def test_paths_may_hold_environment_variables(files, monkeypatch):
    monkeypatch.setenv("L2L_TEST_ART", str(Path(files["style"]).parent))
    options = {
        "content": "$L2L_TEST_ART/content",
        "style": ["${L2L_TEST_ART}/style.png"],
        "vgg_weights": "$L2L_TEST_ART/vgg.npz",
    }
    problem = problems.get("neural_art", **options, size=16)
    assert {name: problem.options[name] for name in options} == options
    monkeypatch.delenv("L2L_TEST_ART")
    with pytest.raises(ValueError, match=r"^An environment variable in the path is not set\. Received: '\$L2L_TEST_A"):
        problems.get("neural_art", **options, size=16)


def test_missing_files_are_told_before_anything_heavy(files):
    """By train.py and evaluate.py, which look at the options before they import TensorFlow."""
    command_line.check_problem("neural_art", files, None, False)
    for option in ("content", "style", "vgg_weights"):
        with pytest.raises(ValueError, match=rf"^{option}: there is no such file"):
            command_line.check_problem("neural_art", {**files, option: "nowhere"}, None, False)


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("content", "nowhere", r"^content: there is no such file or folder\. Received: 'nowhere'\.$"),
        ("content", ["nowhere.jpg", "x"], r"^content: there is no such file\. Received: 'nowhere\.jpg'\.$"),
        ("content", [], r"content is a text that is not empty, or a list of 1 or more, .*\. Received: content=\[\]\.$"),
        ("style", "empty", r"^style: the folder has no pictures \(\.bmp, .*\)\. Received: 'empty'\.$"),
        ("content", "few", r"^content: of 2 pictures none is left for the split 'validation'; take \"all\""),
        ("style", "text.jpg", r"^This file is no picture that can be read: 'text\.jpg'\.$"),
        ("style", "cut.png", r"^This file is no picture that can be read: 'cut\.png'\.$"),
        ("vgg_weights", "nowhere.npz", r"^vgg_weights: there is no such file\. Received: 'nowhere\.npz'\.$"),
        ("vgg_weights", "text.jpg", r"^vgg_weights is an \.npz file, or 'imagenet'\. Received: 'text\.jpg'\.$"),
        ("vgg_weights", "array.npy", r"^vgg_weights is an \.npz file, or 'imagenet'\. Received: 'array\.npy'\.$"),
        ("vgg_weights", "keys.npz", r"^vgg_weights: the file has no block3_conv4/bias; it holds VGG-19's"),
        ("vgg_weights", "huge.npz", r"block1_conv1/kernel has the shape \[3, 3, 3, 64\] .* Received: a larger one"),
        ("vgg_weights", "bits.npz", r"^vgg_weights is an \.npz file, or 'imagenet'\. Received: 'bits\.npz'\.$"),
        ("vgg_weights", "shapes.npz", r"block1_conv2/kernel has the shape \[3, 3, 64, 64\] .* \[3, 3, 64, 32\]"),
        ("size", 18, r"size is a multiple of 4 of at least 16, or \[height, width\] of such\. Received: size=18\.$"),
        ("size", 8, r"size is a multiple of 4"),
        ("size", [16, 16, 16], r"size is a multiple of 4"),
        (
            "split",
            "held_out",
            r"split is one of \['train', 'validation', 'test', 'all'\]\. Received: split='held_out'\.$",
        ),
        ("start", "zero", r"start is one of \['noise', 'content'\]\. Received: start='zero'\.$"),
        ("style_weight", -1.0, r"style_weight is a number of at least 0\. Received: style_weight=-1\.0\.$"),
        ("stddev", float("nan"), r"stddev is a number of at least 0\. Received: stddev=nan\.$"),
    ],
)
def test_what_cannot_be_is_told(files, tmp_path, monkeypatch, option, value, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "few").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "few" / name).write_bytes(Path(files["style"]).read_bytes())
    (tmp_path / "text.jpg").write_text("not a picture, nor an archive")
    (tmp_path / "cut.png").write_bytes(Path(files["style"]).read_bytes()[:300])
    if str(value).endswith((".npz", ".npy")):
        stored = {name: np.zeros(array.shape, np.float32) for name, array in art_files.weights().items()}
        np.save("array.npy", np.zeros(3))
        np.savez("shapes.npz", **{**stored, "block1_conv2/kernel": np.zeros([3, 3, 64, 32])})
        np.savez_compressed("huge.npz", **{**stored, "block1_conv1/kernel": np.zeros([3, 3, 3, 64_000])})
        data = bytearray(Path("shapes.npz").read_bytes())
        data[data.index(b"PK\x01\x02") + 10] ^= 0x10  # The method of compression of a member: zipfile knows none.
        Path("bits.npz").write_bytes(data)
        np.savez("keys.npz", **{name: stored[name] for name in list(stored)[:-1]})
    split = "validation" if value == "few" else "train"
    with pytest.raises(ValueError, match=message):
        NeuralArt(**{**files, "size": 16, "split": split, option: value})


def test_a_download_that_fails_is_told_in_one_line(monkeypatch):
    kept = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
    if list(kept.glob("vgg19_*_notop.h5")):
        pytest.skip(f"Keras has VGG-19 already, in {kept}")
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # Nobody listens there.
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ValueError) as caught:
        vgg.load_weights("imagenet")
    message = str(caught.value)
    assert message.startswith("vgg_weights: Keras could not fetch VGG-19 (")
    assert message.endswith('Check the network, or name a file with these weights in the option "vgg_weights".')
    assert "\n" not in message


def test_real_weights_tell_photographs_from_noise():
    """With VGG-19's own weights a few steps bring both the content and the style nearer."""
    weights, folder = os.environ.get("L2L_VGG_WEIGHTS"), os.environ.get("L2L_IMAGES")
    if not weights or not folder:
        pytest.skip("needs real data: set L2L_VGG_WEIGHTS to VGG-19's weights and L2L_IMAGES to content/ and style/")
    problem = NeuralArt(
        f"{folder}/content", f"{folder}/style", weights, size=32, split="validation", content_weight=1.0
    )
    instance = problem.sample(SEED)
    # What blocks 1 and 3 give for a photograph, as far as the published weights say: no dead layer, no explosion.
    found = vgg.features(problem._weights, neural_art.to_scale_of_255(instance.image), vgg.LAYERS)
    assert all(10 < float(tf.reduce_max(x)) < 2e4 and 0.1 < np.mean(x.numpy() > 0) < 0.9 for x in found.values())
    image = problem.initial_parameters(instance, SEED)["image"]
    before = problem.terms({"image": image}, instance)

    @tf.function
    def gradient(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = problem.loss({"image": image}, instance, SEED)
        return tape.gradient(loss, image)

    for step in range(40):
        image -= 0.1 * 0.95**step * tf.sign(gradient(image))
    after = problem.terms({"image": image}, instance)
    assert float(after[0]) < 0.8 * float(before[0])
    assert float(after[1]) < 0.5 * float(before[1])
