"""The step in this library, on the same images: `python -m benchmarks.peers.ours VARIANT`, for `benchmarks.peers`."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")

import tensorflow as tf

from benchmarks.peers import work
from benchmarks.unroll import meta_step
from l2l_tf import allocator
from problems.image import ImageClassification
from problems.layers import Mlp


def step_function(variant):
    images, labels = work.images_and_labels()
    data = tf.constant(images.reshape(-1, 28, 28, 1)), tf.constant(labels, tf.int32)
    problem = ImageClassification(Mlp(784, (20,), 10, "sigmoid"), lambda split: data)
    return meta_step(variant, problem, "mnist", work.STEPS, second_derivatives=False)


if __name__ == "__main__":
    allocator.keep_one_heap()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(os.cpu_count() or 1)
    step = step_function(sys.argv[1])
    work.serve(lambda: step() or 0.0)
