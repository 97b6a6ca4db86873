"""opt_list as Keras optimizers: hyperparameters to try one after the other, in the order in which they help most."""

from typing import Any

from l2l_tf import networks
from l2l_tf.deployment.keras_optimizer import LearnedOptimizer
from l2l_tf.networks import search_spaces


def opt_list(number: int, total_steps: int, **arguments: Any) -> LearnedOptimizer:
    """Entry `number` of opt_list, NAdamW with tuned hyperparameters, as a Keras optimizer.

    Try the entries 0, 1, 2, ... and keep the best: each was chosen to help most where those before it do not (Metz et
    al. 2020). Switch the model's own weight decay off, as the entries have theirs.

    >>> import keras, l2l_tf
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile(optimizer=l2l_tf.opt_list(0, total_steps=1_000), loss="mse")

    Args:
      number: 0 to 99.
      total_steps: of the training; the learning rate follows a schedule of that length.
      **arguments: of `LearnedOptimizer`, e.g. `clipnorm`.

    Raises:
      ValueError: a number that the list does not have, or steps below 1.
    """
    network, options = search_spaces.configuration("opt_list", number, total_steps)
    return LearnedOptimizer(networks.get(network, **options), **arguments)
