"""Models that make images: autoencoders, and a generator with its discriminator."""

import keras
import tensorflow as tf
from keras import layers

from benchmarks.keras_zoo.data import images
from benchmarks.keras_zoo.task import Task, binary_cross_entropy

_CODE = 8  # numbers that a VAE's code has
_NOISE = 16  # numbers that the generator makes an image of


def _vae():
    """Encoder to means and logarithms of variances, and decoder (Kingma and Welling 2014, section 3)."""
    encoder = [layers.Flatten(), layers.Dense(28, activation="relu"), layers.Dense(2 * _CODE)]
    decoder = [layers.Dense(28, activation="relu"), layers.Dense(784)]
    inputs, noise = keras.Input((28, 28, 1)), keras.Input((_CODE,))
    coded = keras.Sequential(encoder)(inputs)
    mean, log_variance = coded[:, :_CODE], coded[:, _CODE:]
    code = mean + keras.ops.exp(log_variance / 2) * noise
    return [keras.Model([inputs, noise], [keras.Sequential(decoder)(code), mean, log_variance])]


def _vae_losses(models, batch, noise, training):
    """Nats an image: cross entropy of the pixels, and the divergence of the code from the standard normal."""
    (pixels,) = batch
    draws = tf.random.stateless_normal([tf.shape(pixels)[0], _CODE], noise)
    logits, mean, log_variance = models[0]([pixels, draws], training=training)
    entropy = tf.reduce_sum(binary_cross_entropy(tf.reshape(pixels, tf.shape(logits)), logits), 1)
    divergence = tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - log_variance - 1, 1) / 2
    return [tf.reduce_mean(entropy + divergence)]


def _autoencoder():
    return [
        keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
                layers.Flatten(),
                layers.Dense(16),
                layers.Dense(7 * 7 * 8, activation="relu"),
                layers.Reshape((7, 7, 8)),
                layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2DTranspose(1, 3, strides=2, padding="same"),
            ]
        )
    ]


def _autoencoder_losses(models, batch, noise, training):
    (pixels,) = batch
    return [tf.reduce_mean(binary_cross_entropy(pixels, models[0](pixels, training=training)))]


def _dcgan():
    """A generator and a discriminator with convolutions, batch norm and leaky ReLU (Radford et al. 2016, section 3)."""
    generator = keras.Sequential(
        [
            keras.Input((_NOISE,)),
            layers.Dense(7 * 7 * 16, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.2),
            layers.Reshape((7, 7, 16)),
            layers.Conv2DTranspose(8, 4, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.2),
            layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="sigmoid"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 4, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2D(16, 4, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    return [generator, discriminator]


def _dcgan_losses(models, batch, noise, training):
    """The generator's and the discriminator's cross entropy, the former without saturation (Goodfellow et al. 2014)."""
    generator, discriminator = models
    (real,) = batch
    made = generator(tf.random.stateless_normal([tf.shape(real)[0], _NOISE], noise), training=training)
    of_made, of_real = discriminator(made, training=training), discriminator(real, training=training)
    ones = tf.ones_like(of_made)
    telling = binary_cross_entropy(ones, of_real) + binary_cross_entropy(tf.zeros_like(ones), of_made)
    return [tf.reduce_mean(binary_cross_entropy(ones, of_made)), tf.reduce_mean(telling)]


def _energy_distance(models, batch, noise):
    """Between images made and as many real ones: 2 E|x - y| - E|x - x'| - E|y - y'| (Szekely and Rizzo 2013).

    Neither network's loss says how good the images are: each falls where the other one fails. The generator makes them
    as it does for users, with the averages of batch normalisation.
    """
    (real,) = batch
    other_noise = tf.add(noise, [0, 500_000])  # Than the step's.
    made = models[0](tf.random.stateless_normal([tf.shape(real)[0], _NOISE], other_noise), training=False)
    x, y = (tf.reshape(pixels, [-1, 784]) for pixels in (made, real))
    return 2 * _mean_distance(x, y, 0) - _mean_distance(x, x, 1) - _mean_distance(y, y, 1)


def _mean_distance(x, y, same):
    """Over all pairs of rows; `same` is 1 where each row has itself among the others, which does not count."""
    count = tf.cast(tf.shape(x)[0], tf.float32)
    squares = tf.reduce_sum(x**2, 1)[:, None] + tf.reduce_sum(y**2, 1) - 2 * tf.matmul(x, y, transpose_b=True)
    return tf.reduce_sum(tf.sqrt(tf.maximum(squares, 1e-6))) / (count * (count - same))


TASKS = {
    "vae": Task("VAE, MNIST", "choose", _vae, images.unlabelled("mnist"), _vae_losses),
    "autoencoder": Task(
        "convolutional autoencoder, Fashion-MNIST",
        "report",
        _autoencoder,
        images.unlabelled("fashion_mnist"),
        _autoencoder_losses,
    ),
    "dcgan": Task(
        "DCGAN, MNIST, energy distance",
        "report",
        _dcgan,
        images.unlabelled("mnist"),
        _dcgan_losses,
        measure=_energy_distance,
    ),
}
