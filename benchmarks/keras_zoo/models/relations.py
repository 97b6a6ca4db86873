"""Models of how examples belong together: a graph network, and distances between images."""

import keras
import tensorflow as tf
from keras import layers

from benchmarks.keras_zoo.data import generated, images
from benchmarks.keras_zoo.task import Task, cross_entropy


def _graph_network():
    """Two graph convolutions (Kipf and Welling 2017, section 3.1): of words `[1, nodes, 60]` and the graph."""
    words, graph = keras.Input((400, 60)), keras.Input((400, 400))
    hidden = layers.ReLU()(keras.ops.matmul(graph, layers.Dense(32)(words)))
    return [keras.Model([words, graph], keras.ops.matmul(graph, layers.Dense(5)(hidden)))]


def _of_known(models, batch, noise, training):
    words, graph, labels, known = batch
    losses = cross_entropy(labels, models[0]([words, graph], training=training))
    return [tf.reduce_sum(losses * known) / tf.reduce_sum(known)]


def _embedding():
    return [
        keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(8, 5, strides=3, activation="relu"),
                layers.Conv2D(16, 3, strides=2, activation="relu"),
                layers.Flatten(),
                layers.Dense(24),
                layers.UnitNormalization(),
            ]
        )
    ]


def _contrastive(models, batch, noise, training):
    """Supervised contrastive loss (Khosla et al. 2020, equation 2), temperature 0.2: images of a label attract."""
    pixels, labels = batch
    places = models[0](pixels, training=training)
    count = tf.shape(places)[0]
    others = 1 - tf.eye(count)
    alike = tf.cast(labels[:, None] == labels, tf.float32) * others
    scores = tf.matmul(places, places, transpose_b=True) / 0.2
    log_shares = scores - tf.reduce_logsumexp(scores - 1e9 * (1 - others), 1, keepdims=True)
    return [-tf.reduce_sum(alike * log_shares) / tf.maximum(tf.reduce_sum(alike), 1)]


TASKS = {
    "graph_network": Task("graph convolutions", "report", _graph_network, generated.citations, _of_known, None),
    "contrastive": Task(
        "contrastive embedding, MNIST", "report", _embedding, images.labelled("mnist"), _contrastive, 48
    ),
}
