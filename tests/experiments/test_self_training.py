"""Learned outer optimizers beside outer Adam: a training in miniature, and the table and figure of outcomes."""

import math

import pytest

from experiments.talk import outer_trainings, self_training
from experiments.talk.outer_trainings import Case, Outcome, Outer
from l2l_tf import pretrained
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.tasks_config import TasksConfig
from problems.taskset import small
from tests.commands.in_process import flags_of

RULE = Outer("rule", "folder", 1.0, None, "0123")
CLIPPED = RULE._replace(name="rule, clipped", clip_value=0.1)
ADAM = {rate: Outer(f"Adam, {rate:g}", "adam", rate) for rate in (0.001, 0.003)}


def _outcome(*shares):
    """Losses at 20 moments, that of the first, fifth, tenth and last given."""
    losses = [9.0] * 20
    for at, loss in zip((0, 4, 9, 19), shares):
        losses[at] = loss
    return Outcome(losses, 12.4)


FOUND = {
    RULE: [_outcome(3, 2, 1, math.inf)],
    CLIPPED: [_outcome(4, 2.5, 1, 0.5)],
    ADAM[0.001]: [_outcome(5, 2.5, 0.5, 0.5)],
    ADAM[0.003]: [_outcome(4, 3, 2, 1)],
}


def test_the_table_is_bold_where_a_rule_is_at_or_below_adam_at_its_best_rate_for_that_step():
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in self_training.table(FOUND, 2_000).splitlines()]
    assert rows[0] == ["outer optimizer", "100", "500", "1,000", "2,000", "seconds"]
    assert rows[2] == ["rule", "**3**", "**2**", "1", "diverged", "12"]
    assert rows[3] == ["rule, clipped", "**4**", "**2.5**", "1", "**0.5**", "12"]
    assert rows[4][1:5] == ["5", "2.5", "0.5", "0.5"]
    as_json = self_training.as_json(FOUND)
    assert as_json["best_rate"] == 0.001
    assert as_json["outer"]["rule"]["final"] == [None]
    assert as_json["outer"]["rule, clipped"]["clip_value"] == 0.1
    (axes,) = self_training.figure({"lstm": FOUND}, 2_000).axes
    assert [line.get_label() for line in axes.lines] == [outer.name for outer in FOUND]
    assert list(axes.lines[0].get_xdata()[:2]) == [100, 200]


def test_every_rule_runs_with_and_without_clipping_and_adam_at_its_rates():
    found = self_training.outers({"mnist": pretrained.path("mnist")}, self_training.ADAM_RATES)
    assert [outer.clip_value for outer in found] == [None, 0.1, None, None, None, None, None]
    assert [outer.learned for outer in found] == [True, True, *[False] * 5]


@pytest.mark.parametrize("name", outer_trainings.CASES)
def test_the_settings_are_those_of_a_training(name):
    case = outer_trainings.CASES[name]
    if case.members:
        config = TasksConfig(**case.settings, problem_options=small.mixture(case.members))
        assert case.updates == 1
    else:
        config = TrainingConfig(**case.settings)
        assert case.updates == config.num_steps // config.unroll_length
    assert config.learning_rate_decay == 1


def test_a_learned_optimizer_trains_another(tmp_path):
    settings = {
        "problem": "simple",
        "networks": {"cw": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [], "initializer": "zeros"}}},
        "num_steps": 4,
        "unroll_length": 2,
        "evaluation_epochs": 1,
    }
    case = Case("a linear rule", "loss", settings, updates=2)
    rule = Outer("general", str(pretrained.path("general")), 1.0, 0.1, "0123")
    outcome = outer_trainings.train(case, rule, 8, 0, tmp_path / "run")
    assert len(outcome.losses) == 4 and len(set(outcome.losses)) == 4
    assert all(map(math.isfinite, outcome.losses))


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--cases=gru", "--cases are of lstm, mlp. Received: 'gru'."),
        ("--outer_steps=150", "--outer_steps is a multiple of 100. Received: 150."),
        ("--rates=0.1,x", "--rates are numbers above 0, e.g. 0.001,0.003. Received: '0.1,x'."),
    ],
)
def test_wrong_flags_are_said(flag, message, tmp_path):
    cases = [] if "cases" in flag else ["--cases=lstm"]
    words = ["--optimizer=general", f"--output={tmp_path}", *cases, flag]
    with flags_of(self_training, *words), pytest.raises(ValueError) as error:
        self_training.main()
    assert str(error.value) == message
