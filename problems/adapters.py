"""Problems of the user's own: from a Keras model or a Sonnet module."""

import inspect
import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from problems import randomness
from problems.model import ModelProblem, in_memory
from problems.problem import Problem, split_seed

# Sonnet's variable getter replaces a property of all modules at once, so two threads may not use it together.
_SONNET_LOCK = threading.RLock()
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def from_keras(
    model,
    dataset,
    loss,
    validation_dataset=None,
    batch_size: int = 128,
    redraw: bool = True,
    name: str | None = None,
    loss_weights=None,
) -> Problem:
    """A problem from a built Keras model. The model's own variables are never written.

    Parameters are the model's trainable variables, by path. A run starts from a fresh, seeded draw of every weight that
    Keras draws at random, and from the model's present values of the others: what is constant at first, as most biases,
    and layers that are frozen. To find the initializers, each layer is made once more from its `get_config()`. Present
    values have to be the same whenever the model is built, as those of a file are: they are part of the problem.

    What a model keeps beside its weights is not carried from step to step: batch normalisation goes by the
    batch's own moments and its moving averages stay as they are; dropout draws from the step's seed. Validation
    data is run with `training=False`, but a model with moving averages with True, as they mean nothing here.

    Second derivatives of batch normalisation by Keras or Sonnet are wrong, as TensorFlow's `tf.nn.moments` stops
    the gradient at the mean; first derivatives are right.

    Args:
      model: built.
      dataset: `(x, y)` arrays, or a finite `tf.data.Dataset` of batches of them as `model.fit` takes it; it is
        read into memory, and minibatches are drawn from it with replacement.
      loss: as in `model.compile`: a name or object, or for several outputs a list or dictionary of them, one loss
        for all meaning the sum of that of each. A function of one's own is given all outputs, unlike there, where it
        would be given each. The model's own losses (regularisers) are added.
      validation_dataset: the same, for `validation_loss` and the held-out split "validation".
      batch_size: of the minibatches.
      redraw: False starts every run from the model's present weights.
      name: by default the model's.
      loss_weights: as in `model.compile`.

    Raises:
      ValueError: the model is not built, has a `tf.Variable` that Keras does not know of, or a weight that cannot be
        drawn by a seed; a loss that does not fit the outputs; or the dataset is infinite or empty.
    """
    from problems import keras_losses, keras_weights

    _check_keras(model)
    if loss is None:
        raise ValueError("from_keras needs a loss. Received: None.")
    dataset = in_memory(dataset)
    trainable = list(model.trainable_variables)
    paths = [variable.path for variable in trainable]
    if len(set(paths)) < len(paths):
        raise ValueError(f"The model's weights need paths of their own. Received: {paths}.")
    start = {variable.path: tf.identity(variable.value) for variable in trainable}
    initializers = keras_weights.random_weights(model) if redraw else {}
    state = []
    for i, variable in enumerate(model.non_trainable_variables):
        # As the vector of spectral normalisation: of a random weight's nature, and not of a run.
        draw_it = initializers.get(variable.path) if variable.path not in start else None
        value = tf.identity(variable.value)
        state.append(draw_it(value.shape, value.dtype, tf.constant([0, i])) if draw_it else value)
    is_seed = [variable.name == "seed_generator_state" for variable in model.non_trainable_variables]
    frozen = {variable.path for layer in model._flatten_layers() if not layer.trainable for variable in layer.variables}
    has_averages = not all(
        seed or variable.path in frozen for seed, variable in zip(is_seed, model.non_trainable_variables)
    )

    def draw(seed):
        seeds = split_seed(seed, len(start))
        return {
            path: initializers[path](value.shape, value.dtype, draw_seed) if path in initializers else value
            for (path, value), draw_seed in zip(start.items(), seeds, strict=True)
        }

    def outputs_of(parameters, x, seed, training):
        seeds = split_seed(seed, max(1, len(state)))
        drawn = [
            keras_weights.keras_seed(seeds[i], value.dtype) if is_seed[i] else value for i, value in enumerate(state)
        ]
        outputs, _, losses = model.stateless_call(
            [parameters[path] for path in paths],
            drawn,
            x,
            return_losses=True,
            # As `fit` calls it.
            **({"training": training or has_averages} if model._call_has_training_arg else {}),
        )
        return outputs, losses

    rows = tf.range(batch_size) % tf.nest.flatten(dataset)[0].shape[0]
    x, y = tf.nest.map_structure(lambda array: tf.gather(array, rows), dataset)
    example, _ = outputs_of(start, x, tf.constant([0, 0]), True)
    loss_function = keras_losses.loss_of_outputs(model, loss, loss_weights, y, example)

    def forward(parameters, x, y, seed, training):
        outputs, losses = outputs_of(parameters, x, seed, training)
        return tf.add_n([loss_function(y, outputs), *losses])

    return ModelProblem(draw, forward, dataset, validation_dataset, batch_size, name or model.name)


def from_sonnet(
    build: Callable[[], Any],
    dataset,
    loss: Callable[[Any, Any], tf.Tensor],
    validation_dataset=None,
    batch_size: int = 128,
    call: Callable[..., Any] = lambda module, x: module(x),
    name: str | None = None,
) -> Problem:
    """A problem from a Sonnet module. The module's own variables are never written.

    Parameters are its trainable variables, by name, in the order of creation; where modules share a name, the
    second one's are `.../w_1`. Sonnet's initializers take no seed tensor, so a run starts from one fixed draw of theirs
    with the entries of each weight in a fresh, seeded order: as good as new for the usual IID initializers, not for
    orthogonal ones.

    The module's state (moving averages) starts as built at every step. Random operations of the module (`snt.Dropout`,
    `tf.nn.dropout`, `tf.random.normal`) draw by the step's seed; in a `tf.function` or loop of its own they cannot, and
    are refused when the loss is traced.

    Args:
      build: makes the module.
      dataset, validation_dataset, batch_size: as in `from_keras`.
      loss: from targets and the module's outputs to losses, of which the mean is taken.
      call: how the module is called, e.g. `lambda module, x: module(x, is_training=True)`; it may take the step's seed
        as a third argument.
      name: by default the module's.

    Raises:
      ValueError: the module has no trainable variables, or the dataset is infinite or empty.
    """
    import sonnet as snt

    dataset = in_memory(dataset)
    call = _of_three(call)
    some_seed = tf.constant([0, 0])
    example = tf.nest.map_structure(lambda array: array[:2], dataset[0])
    created: list[tf.Variable] = []

    def record(next_creator, **kwargs):
        created.append(next_creator(**kwargs))
        return created[-1]

    with tf.variable_creator_scope(record):
        module = build()
        call(module, example, some_seed)
    snt.allow_empty_variables(module)  # so that the error is ours
    in_module_order = [variable.ref() for variable in module.trainable_variables]
    trainable = [variable for variable in created if variable.ref() in in_module_order]
    others = [variable for variable in module.variables if variable.ref() not in in_module_order]
    if not trainable:
        raise ValueError(f"from_sonnet takes a module with trainable variables. Received: {module.name!r}.")
    names = _different([variable.name.removesuffix(":0") for variable in trainable])

    @tf.function(autograph=False)
    def first_draw():
        # The seed of this function's graph alone: the same draw in every process, and no global generator moved.
        tf.random.set_seed(0)
        with snt.functional.variables():
            fresh = build()
            call(fresh, example, some_seed)
            learned = [variable.ref() for variable in fresh.trainable_variables]
            kept = [variable for variable in fresh.variables if variable.ref() not in learned]
            return [[tf.identity(variable) for variable in some] for some in (fresh.trainable_variables, kept)]

    first, state = first_draw()
    drawn = dict(zip(in_module_order, first, strict=True))
    start = {key: drawn[variable.ref()] for key, variable in zip(names, trainable, strict=True)}

    def draw(seed):
        seeds = split_seed(seed, len(start))
        return {key: _shuffled(value, s) for (key, value), s in zip(start.items(), seeds, strict=True)}

    def forward(parameters, x, y, seed, training):
        with snt.functional.variables():
            stand_ins = [tf.Variable(value, trainable=False) for value in state]
        table = {variable.ref(): parameters[key] for key, variable in zip(names, trainable, strict=True)}
        table |= {variable.ref(): stand_in for variable, stand_in in zip(others, stand_ins, strict=True)}
        with (
            _SONNET_LOCK,
            snt.custom_variable_getter(lambda variable: table.get(variable.ref(), variable)),
            randomness.seeded(seed),
        ):
            outputs = call(module, x, seed)
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


def _of_three(call: Callable) -> Callable:
    """`call` as one of module, inputs and seed."""
    taken = [p for p in inspect.signature(call).parameters.values() if p.default is p.empty and p.kind in _BY_PLACE]
    return call if len(taken) == 3 else lambda module, x, seed: call(module, x)


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
