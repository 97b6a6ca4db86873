"""Problems of the user's own whose code is wrong: one error with the user's own line in it."""

import importlib
import re
import sys

import pytest
import tensorflow as tf
from absl import flags

import problems
from l2l_tf.commands import command_line
from l2l_tf.networks import Sgd
from l2l_tf.unrolling import optimizee, seeds, unroll
from problems.user_code import UserCodeError

MINE = """
import sys
import keras, numpy as np, sonnet as snt, tensorflow as tf, problems
from problems import from_function as made

x = {"x": tf.zeros([3])}
generator = keras.random.SeedGenerator(3)
stateful = tf.random.Generator.from_seed(3)
dropout = snt.Dropout(0.5)

def f(p): return tf.reduce_sum(p["x"] ** 2)
class Thing: pass

def huber(p):
    r = tf.norm(p["x"] - 3.0)
    if r < 1.0:
        return 0.5 * r * r
    return r - 0.5
branch = made(huber, x)
converted = made(tf.function(huber), x)
to_numpy = made(lambda p: np.sum(np.asarray(p["x"]) ** 2), x)
shapes = made(lambda p: tf.reduce_sum(p["x"] - tf.ones([4])), x)
name = made(lambda p: tf.reduce_sum(p["y"]), x)
def leave(p):
    sys.exit(0)
leaves = made(leave, x)
nothing = made(lambda p: None, x)
vector = made(lambda p: p["x"], x)
def draw_thing(seed):
    return {"a": Thing()}
thing = made(lambda p, i: f(p), x, draw_thing)
def draw(seed):
    raise RuntimeError("no luck")
unlucky = made(lambda p, i: f(p), x, draw)
whole = made(f, lambda seed: {"x": 3})
high = made(f, lambda seed: {"x": tf.ones([1] * 8)})
count = made(lambda p: tf.reduce_sum(tf.math.bincount(tf.cast(p["x"], tf.int32), weights=p["x"])), x)

def asserting(p):
    with tf.control_dependencies([tf.debugging.Assert(p["x"][0] > 5, ["too small"])]):
        return f(p)
asserts = made(asserting, x)

class Own(problems.Problem):
    def initial_parameters(self, instance, seed): return x
    def loss(self, parameters, instance, seed):
        return tf.reduce_sum(parameters["z"])
class Abstract(problems.Problem):
    def initial_parameters(self, instance, seed): return x
def raises(): raise ValueError("scale is positive")
def exits(): sys.exit(0)
def pipes(): raise BrokenPipeError

@tf.function
def noisy(v): return v + tf.nn.dropout(v, 0.5)
def looping(p):
    return tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v + tf.random.uniform([])), (0, f(p)))[1]
def branching(p):
    return tf.cond(p["x"][0] > 0, lambda: tf.random.normal([]), lambda: f(p))
normal = made(lambda p: f(p) + tf.random.normal([]), x)
nested = made(lambda p: tf.reduce_sum(noisy(p["x"])), x)
loop = made(looping, x)
cond = made(branching, x)
snt_dropout = made(lambda p: tf.reduce_sum(dropout(p["x"], True)), x)
keras_dropout = made(lambda p: tf.reduce_sum(keras.random.dropout(p["x"], 0.5)), x)
keras_generator = made(lambda p: tf.reduce_sum(keras.random.dropout(p["x"], 0.5, seed=generator)), x)
generated = made(lambda p: f(p) + stateful.normal([]), x)
sampled = made(lambda p: f(p) + tf.reduce_sum(tf.random.log_uniform_candidate_sampler(
    [[1]], 1, 1, True, 9).true_expected_count), x)
pooled = made(lambda p: f(p) + tf.reduce_sum(tf.nn.fractional_max_pool(tf.ones([1, 4, 4, 1]), 1.5)[0]), x)
frozen = made(lambda p: f(p) + np.random.normal(), x)
frozen_sample = made(lambda p, i: f(p), x, lambda seed: tf.random.shuffle([1, 2]))
stateless = made(lambda p, i, seed: f(p) + tf.random.stateless_normal([], seed) + tf.reduce_sum(
    tf.nn.experimental.stateless_dropout(p["x"], 0.5, seed)), x)
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mine")
    (folder / "wrong.py").write_text(MINE)
    files = {
        "wrong_value": "raise ValueError('what is wrong')",
        "wrong_type": "x = 1 + 'a'",
        "wrong_exit": "import sys\nsys.exit(0)",
        "wrong_function": "import problems\nmade = problems.from_function(lambda: 0, {})",
        "wrong_syntax": "def f(:\n  pass",
        "wrong_bytes": "x = 1\0",
        "wrong_pipe": "raise BrokenPipeError",
        "wrong_getattr": "def __getattr__(name):\n    raise RuntimeError('lazy')",
        "wrong_interrupt": "raise KeyboardInterrupt",
    }
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    yield folder
    sys.path.remove(str(folder))
    for name in ("wrong", *files):
        sys.modules.pop(name, None)


SGD = Sgd()


def step(problem):
    """As a training traces it: a start, then a loss and its gradient."""
    run = tf.function(lambda: unroll.start(problem, SGD, seeds.root(0)), autograph=False)()

    @tf.function(autograph=False)
    def traced():
        return optimizee.value_and_gradient(problem.loss, tf.nest.map_structure(tf.identity, run))

    return traced()


@pytest.mark.parametrize(
    ("attribute", "raised", "line", "said"),
    [
        ("branch", "The loss .* raised OperatorNotAllowedInGraphError", "if r < 1.0:", "use TensorFlow's operations"),
        ("to_numpy", "The loss .* raised NotImplementedError", "to_numpy = ", r"not Python's `if` and NumPy"),
        ("shapes", "The loss .* raised ValueError", "shapes = ", "Dimensions must be equal, but are 3 and 4"),
        ("name", "The loss .* raised KeyError", "name = ", "'y'"),
        ("leaves", "The loss .* raised SystemExit", r"sys.exit\(0\)", "It left with sys.exit"),
        ("unlucky", "The sample .* raised RuntimeError", "raise RuntimeError", "no luck"),
        ("Own", "The loss .* raised KeyError", "return tf.reduce_sum", "'z'"),
        ("count", "The loss .* has no gradient .*: .*DenseBincount", "count = ", "tf.custom_gradient"),
        ("raises", "wrong:raises raised ValueError", "def raises", "scale is positive"),
        ("exits", "wrong:exits raised SystemExit", "def exits", "It left with sys.exit"),
        ("pipes", "wrong:pipes raised BrokenPipeError", "def pipes", "it says no more"),
    ],
)
def test_what_a_users_code_raises_names_the_users_line(attribute, raised, line, said, mine):
    with pytest.raises(UserCodeError) as caught:
        step(problems.get(f"wrong:{attribute}"))
    message = str(caught.value)
    assert re.match(rf"{raised}.* at {re.escape(str(mine))}/wrong.py:\d+, `{line}.*{said}", message), message
    assert "\n" not in message
    assert (caught.value.__cause__ or caught.value.__context__) is not None  # tf.function passes on the second alone.
    # The line that is named is the line that is shown.
    number, source = re.search(r"wrong.py:(\d+), `(.*?)`(?=[:.]|$)", message).groups()
    assert MINE.splitlines()[int(number) - 1].strip().startswith(source.removesuffix("..."))


@pytest.mark.parametrize(
    ("attribute", "message", "line"),
    [
        ("nothing", "A problem's loss is a floating-point scalar. Received: NoneType.", "nothing = "),
        ("vector", r"A problem's loss is a floating-point scalar. Received: float32 of shape \(3,\).", "vector = "),
        ("thing", "A problem's sample is tensors, or lists, tuples and .* Received: Thing.", "def draw_thing"),
        ("whole", "A problem's parameters are floating-point tensors by name. Received: {'x': 'int32", "whole = "),
        ("high", r"at most 7 axes.* Received: 'x' of shape \(1, 1, 1, 1, 1, 1, 1, 1\).", "high = "),
        ("Abstract", "wrong:Abstract is abstract: write its loss.", "class Abstract"),
    ],
)
def test_what_a_users_code_gives_is_told_with_where_it_is_written(attribute, message, line, mine):
    with pytest.raises(ValueError, match=rf"{message}.* See {re.escape(str(mine))}/wrong.py:\d+, `{line}"):
        step(problems.get(f"wrong:{attribute}"))


@pytest.mark.parametrize(
    ("module", "raised", "line", "said"),
    [
        ("wrong_value", "ValueError", 1, "what is wrong"),
        ("wrong_type", "TypeError", 1, "unsupported operand"),
        ("wrong_exit", "SystemExit", 2, "It left with sys.exit"),
        ("wrong_function", "ValueError", 2, r"loss takes \(parameters\)"),
        ("wrong_syntax", "SyntaxError", 1, "invalid syntax"),
        ("wrong_pipe", "BrokenPipeError", 1, "it says no more"),
        ("wrong_getattr", "RuntimeError", 2, "lazy"),
    ],
)
def test_a_module_that_raises_is_there(module, raised, line, said, mine):
    where = re.escape(f"{mine}/{module}.py:{line}, `")
    with pytest.raises(UserCodeError, match=rf"^The module '{module}' raised {raised} at {where}.*`: .*{said}"):
        problems.get(f"{module}:made")


def test_a_module_that_cannot_be_read_and_one_that_interrupts(mine):
    with pytest.raises(UserCodeError, match=r"^The module 'wrong_bytes' raised SyntaxError: .*null bytes"):
        problems.get("wrong_bytes:made")
    with pytest.raises(KeyboardInterrupt):
        problems.get("wrong_interrupt:made")


@pytest.mark.parametrize(
    ("attribute", "operation", "line"),
    [
        ("normal", "The loss .* by the operation RandomStandardNormal", "normal = "),
        ("nested", "The loss .* by the operation RandomUniform", "nested = "),
        ("loop", "The loss .* by the operation RandomUniform", "return tf.while_loop"),
        ("cond", "The loss .* by the operation RandomStandardNormal", "return tf.cond"),
        ("snt_dropout", "The loss .* by the operation RandomUniform", "snt_dropout = "),
        ("keras_dropout", "The loss .* by keras.random or a layer with a generator", "keras_dropout = "),
        ("keras_generator", "The loss .* by keras.random or a layer with a generator", "keras_generator = "),
        ("generated", "The loss .* by the operation (RngReadAndSkip|Stateful)", "generated = "),
        ("sampled", "The loss .* by the operation LogUniformCandidateSampler", "sampled = "),
        ("pooled", "The loss .* by the operation FractionalMaxPool", "pooled = "),
        ("frozen", "The loss .* draws from the global generator of Python's random or of NumPy", "frozen = "),
        ("frozen_sample", "The sample .* by the operation RandomShuffle", "frozen_sample = "),
    ],
)
def test_draws_that_no_seed_reaches_are_refused_by_name(attribute, operation, line, mine):
    with pytest.raises(UserCodeError) as caught:
        step(problems.get(f"wrong:{attribute}"))
    message = str(caught.value)
    where = rf"{re.escape(str(mine))}/wrong.py:\d+, `{line}"
    assert re.match(rf"{operation}.*{where}", message), message
    assert "tf.random.stateless_*" in message


def test_draws_from_the_seed_are_taken(mine):
    problem = problems.get("wrong:stateless")
    assert float(step(problem)[0]) == float(step(problem)[0])


def test_autograph_still_does_what_it_did(mine):
    assert float(step(problems.get("wrong:converted"))[0]) == pytest.approx(27**0.5 - 0.5)


def test_what_tensorflow_raises_as_a_users_problem_runs_is_one_line(mine, capsys):
    values = flags.FlagValues()
    command_line.define_common(values)
    flags.DEFINE_string("problem", "wrong:asserts", "", flag_values=values)
    with pytest.raises(SystemExit) as left:
        command_line.run(lambda: step(problems.get("wrong:asserts")), values, "", ["train.py"])
    assert left.value.code == command_line.USER_ERROR
    message = capsys.readouterr().err
    line = r"wrong.py:\d+, `with tf.control_dependencies.*`: assertion failed: \[too small\]\.\n$"
    assert re.search(line, message), message
    assert message.startswith("Error: The problem, as it ran, raised InvalidArgumentError at ")


def test_what_a_problem_does_not_have_is_still_told_as_that(mine):
    problem = problems.get("wrong:converted")
    run = unroll.start(problem, SGD, seeds.root(0))
    with pytest.raises(NotImplementedError, match="The problem 'wrong:converted' has no validation data"):
        optimizee.loss_at_step(problem.validation_loss, run)
