"""A Keras model on MNIST with a learned optimizer in `fit`: nothing to tune.

    python examples/keras_mnist_fit.py [--optimizer=NAME_OR_FOLDER] [--data_dir=FOLDER] [--download]

MNIST comes from TFDS; `--download` fetches it once.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from problems import DatasetNotPreparedError, datasets


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimizer", default="mnist", help="a pretrained name or the folder of a saved optimizer")
    parser.add_argument("--data_dir", help="of TFDS")
    parser.add_argument("--download", action="store_true", help="fetch MNIST where it is missing")
    parser.add_argument("--steps", type=int, default=468, help="an epoch is 468")
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    arguments = parser.parse_args()
    steps = 20 if arguments.quick else arguments.steps
    try:
        if not arguments.download:
            datasets.check_present("mnist", arguments.data_dir)  # at once, before TensorFlow is imported
        images, labels = datasets.load("mnist", "train", arguments.data_dir, arguments.download)
        test_images, test_labels = datasets.load("mnist", "test", arguments.data_dir, arguments.download)
    except DatasetNotPreparedError as error:
        sys.exit(str(error))

    import keras

    from l2l_tf import LearnedOptimizer

    images, test_images = (x.numpy().reshape(-1, 784).astype("float32") / 255 for x in (images, test_images))
    labels, test_labels = labels.numpy(), test_labels.numpy()

    for name in ("learned", "adam"):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(20, "sigmoid"), keras.layers.Dense(10)])
        model.compile(
            optimizer=LearnedOptimizer(arguments.optimizer) if name == "learned" else "adam",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit(images[: 128 * steps], labels[: 128 * steps], batch_size=128, epochs=1, verbose=0)
        loss, accuracy = model.evaluate(test_images, test_labels, batch_size=1000, verbose=0)
        print(f"{name:8s} after {steps} steps: test loss {loss:.4f}, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
