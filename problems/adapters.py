"""Problems of the user's own: from a Keras model or a Sonnet module."""

import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from problems.model import ModelProblem, in_memory
from problems.problem import Problem, split_seed

# Sonnet's variable getter replaces a property of all modules at once, so two threads may not use it together.
_SONNET_LOCK = threading.RLock()


def from_keras(
    model,
    dataset,
    loss,
    validation_dataset=None,
    batch_size: int = 128,
    redraw: bool = True,
    name: str | None = None,
) -> Problem:
    """A problem from a built Keras model. The model's own variables are never written.

    Parameters are the model's trainable variables, by path. A run starts from a fresh draw of every weight whose
    layer has a random `<weight>_initializer`, seeded, and from the model's present values of the others.

    What a model keeps beside its weights is not carried from step to step: batch normalisation goes by the
    batch's own moments and its moving averages stay as they are; dropout draws from the step's seed. Validation
    data is run with `training=False`, but a model with moving averages with True, as they mean nothing here.

    Second derivatives of batch normalisation by Keras or Sonnet are wrong, as TensorFlow's `tf.nn.moments` stops
    the gradient at the mean; first derivatives are right.

    Args:
      model: built.
      dataset: `(x, y)` arrays, or a finite `tf.data.Dataset` of batches of them as `model.fit` takes it; it is
        read into memory, and minibatches are drawn from it with replacement.
      loss: one loss, by name or as a function or object, as in `model.compile`. The model's own losses
        (regularisers) are added.
      validation_dataset: the same, for `validation_loss` and the held-out split "validation".
      batch_size: of the minibatches.
      redraw: False starts every run from the model's present weights.
      name: by default the model's.

    Raises:
      ValueError: the model is not built, or has a `tf.Variable` that Keras does not know of, or the dataset is
        infinite or empty.
    """
    import keras

    _check_keras(model)
    trainable = list(model.trainable_variables)
    paths = [variable.path for variable in trainable]
    if len(set(paths)) < len(paths):
        raise ValueError(f"The model's weights need paths of their own. Received: {paths}.")
    start = {variable.path: tf.identity(variable.value) for variable in trainable}
    state = [tf.identity(variable.value) for variable in model.non_trainable_variables]
    is_seed = [variable.name == "seed_generator_state" for variable in model.non_trainable_variables]
    frozen = {variable.path for layer in model._flatten_layers() if not layer.trainable for variable in layer.variables}
    has_averages = not all(
        seed or variable.path in frozen for seed, variable in zip(is_seed, model.non_trainable_variables)
    )
    initializers = _random_initializers(model) if redraw else {}
    loss_function = keras.losses.get(loss)

    def draw(seed):
        seeds = split_seed(seed, len(start))
        return {
            path: initializers[path](value.shape, value.dtype, draw_seed) if path in initializers else value
            for (path, value), draw_seed in zip(start.items(), seeds, strict=True)
        }

    def forward(parameters, x, y, seed, training):
        seeds = split_seed(seed, max(1, len(state)))
        drawn = [_keras_seed(seeds[i], value.dtype) if is_seed[i] else value for i, value in enumerate(state)]
        outputs, _, losses = model.stateless_call(
            [parameters[path] for path in paths],
            drawn,
            x,
            training=training or has_averages,
            return_losses=True,
        )
        return tf.add_n([tf.reduce_mean(loss_function(y, outputs)), *losses])

    return ModelProblem(draw, forward, dataset, validation_dataset, batch_size, name or model.name)


def from_sonnet(
    build: Callable[[], Any],
    dataset,
    loss: Callable[[Any, Any], tf.Tensor],
    validation_dataset=None,
    batch_size: int = 128,
    call: Callable[[Any, Any], Any] = lambda module, x: module(x),
    name: str | None = None,
) -> Problem:
    """A problem from a Sonnet module. The module's own variables are never written.

    Parameters are its trainable variables, by name, in the order of creation; where modules share a name, the
    second one's are `.../w_1`. Sonnet's initializers take no seed tensor, so a run starts from one fixed draw of theirs
    with the entries of each weight in a fresh, seeded order: as good as new for the usual IID initializers, not for
    orthogonal ones.

    The module's state (moving averages) starts as built at every step.

    Args:
      build: makes the module.
      dataset, validation_dataset, batch_size: as in `from_keras`.
      loss: from targets and the module's outputs to losses, of which the mean is taken.
      call: how the module is called, e.g. `lambda module, x: module(x, is_training=True)`.
      name: by default the module's.

    Raises:
      ValueError: the module has no trainable variables, or the dataset is infinite or empty.
    """
    import sonnet as snt

    dataset = in_memory(dataset)
    example = tf.nest.map_structure(lambda array: array[:2], dataset[0])
    created: list[tf.Variable] = []

    def record(next_creator, **kwargs):
        created.append(next_creator(**kwargs))
        return created[-1]

    with tf.variable_creator_scope(record):
        module = build()
        call(module, example)
    snt.allow_empty_variables(module)  # so that the error is ours
    in_module_order = [variable.ref() for variable in module.trainable_variables]
    trainable = [variable for variable in created if variable.ref() in in_module_order]
    others = [variable for variable in module.variables if variable.ref() not in in_module_order]
    if not trainable:
        raise ValueError(f"from_sonnet takes a module with trainable variables. Received: {module.name!r}.")
    names = _different([variable.name.removesuffix(":0") for variable in trainable])
    state = [tf.identity(variable) for variable in others]

    @tf.function(autograph=False)
    def first_draw():
        # The seed of this function's graph alone: the same draw in every process, and no global generator moved.
        tf.random.set_seed(0)
        with snt.functional.variables():
            fresh = build()
            call(fresh, example)
            return [tf.identity(variable) for variable in fresh.trainable_variables]

    drawn = dict(zip(in_module_order, first_draw(), strict=True))
    start = {key: drawn[variable.ref()] for key, variable in zip(names, trainable, strict=True)}

    def draw(seed):
        seeds = split_seed(seed, len(start))
        return {key: _shuffled(value, s) for (key, value), s in zip(start.items(), seeds, strict=True)}

    def forward(parameters, x, y, seed, training):
        with snt.functional.variables():
            stand_ins = [tf.Variable(value, trainable=False) for value in state]
        table = {variable.ref(): parameters[key] for key, variable in zip(names, trainable, strict=True)}
        table |= {variable.ref(): stand_in for variable, stand_in in zip(others, stand_ins, strict=True)}
        with _SONNET_LOCK, snt.custom_variable_getter(lambda variable: table.get(variable.ref(), variable)):
            outputs = call(module, x)
        return tf.reduce_mean(loss(y, outputs))

    return ModelProblem(draw, forward, dataset, validation_dataset, batch_size, name or module.name)


def _check_keras(model) -> None:
    if not model.built or not model.trainable_variables:
        raise ValueError(
            f"from_keras takes a built model with weights: call it on a batch first. Received: {model.name!r}."
        )
    for layer in model._flatten_layers():
        for attribute, value in vars(layer).items():
            values = value if isinstance(value, list | tuple) else [value]
            if any(isinstance(v, tf.Variable) for v in values):
                raise ValueError(
                    f"The layer {layer.name!r} keeps a tf.Variable that Keras does not know of, so it would not be "
                    f"trained: make it with add_weight. Received: the attribute {attribute!r}."
                )


def _random_initializers(model) -> dict[str, Callable]:
    """From the path of each weight with a random initializer to `(shape, dtype, seed)` to a draw."""
    import keras

    def seeded(initializer):
        generator = keras.random.SeedGenerator(0)
        copy = type(initializer).from_config(initializer.get_config() | {"seed": generator})

        def draw(shape, dtype, seed):
            state = _keras_seed(seed, generator.state.value.dtype)
            with keras.StatelessScope(state_mapping=[(generator.state, state)]):
                return copy(tuple(shape), dtype=dtype.name)

        return draw

    found = {}
    for layer in model._flatten_layers():
        for variable in layer.trainable_variables:
            initializer = getattr(layer, f"{variable.name}_initializer", None)
            if isinstance(initializer, keras.initializers.Initializer) and "seed" in initializer.get_config():
                found[variable.path] = seeded(initializer)
    return found


def _keras_seed(seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A seed as the state of a Keras seed generator, which is not negative."""
    return tf.cast(tf.bitwise.bitwise_and(seed, tf.int32.max), dtype)


def _different(names: list[str]) -> list[str]:
    """The names, the second of a kind with `_1` after it, and so on."""
    counts: dict[str, int] = {}
    different = []
    for name in names:
        different.append(f"{name}_{counts[name]}" if name in counts else name)
        counts[name] = counts.get(name, 0) + 1
    return different


def _shuffled(value: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(value, [-1])
    return tf.reshape(tf.random.experimental.stateless_shuffle(flat, seed), value.shape)
