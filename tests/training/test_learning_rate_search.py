"""The search of the outer learning rate where rates diverge."""

import dataclasses

import pytest

from l2l_tf.training import learning_rate_search
from l2l_tf.training.config import TrainingConfig
from l2l_tf.training.loop import Training, TrainingDivergedError

CONFIG = TrainingConfig(
    problem="quadratic",
    problem_options={"batch_size": 2, "num_dims": 2},
    networks={"cw": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [2], "scale": 0.1}}},
    num_epochs=4,
    num_steps=2,
    unroll_length=2,
    learning_rate=0.01,
    evaluation_period=1,
    evaluation_epochs=1,
)


def _diverging(above):
    """Training that gives up at rates above that."""

    class Diverging(Training):
        def run(self, report=lambda event: None):
            if self.config.learning_rate > above:
                raise TrainingDivergedError("The last 25 outer gradients were infinite or NaN.")
            return super().run(report)

    return Diverging


def test_a_rate_that_diverges_loses(tmp_path, monkeypatch):
    trials = []
    _search(tmp_path / "all", trials.append)
    rates = [trial.learning_rate for trial in trials]
    monkeypatch.setattr(learning_rate_search, "Training", _diverging(above=min(rates)))
    trials.clear()
    chosen = _search(tmp_path / "some", trials.append)
    assert [trial.final_loss == float("inf") for trial in trials] == [rate > min(rates) for rate in rates]
    assert chosen == dataclasses.replace(CONFIG, learning_rate=min(rates))


def test_where_all_diverge_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(learning_rate_search, "Training", _diverging(above=0.0))
    with pytest.raises(ValueError, match=r"No trial gave a finite validation loss .* Lower --learning_rate"):
        _search(tmp_path)


def test_trials_that_are_done_are_not_run_again(tmp_path, monkeypatch):
    """With `overwrite` neither, unless their settings have changed."""
    chosen = _search(tmp_path)
    epochs = []

    class Counted(Training):
        def run(self, report=lambda event: None):
            epochs.append(self.epoch)
            return super().run(report)

    monkeypatch.setattr(learning_rate_search, "Training", Counted)
    for overwrite in (False, True):
        assert _search(tmp_path, overwrite=overwrite) == chosen
    assert epochs == [1] * 6
    other = dataclasses.replace(CONFIG, average_decay=0.5)
    with pytest.raises(ValueError, match="other settings"):
        _search(tmp_path, config=other)
    _search(tmp_path, config=other, overwrite=True)
    assert epochs[6:] == [0] * 3


def _search(folder, report=lambda trial: None, config=CONFIG, overwrite=False):
    return learning_rate_search.search(config, folder, 3, 1, report=report, overwrite=overwrite)
