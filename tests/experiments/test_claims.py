"""The claim table and the sweep's, from results written by hand."""

import json

import numpy as np
import pytest
from scipy import stats

from experiments.paper import claims, sweep
from experiments.shared import verdict
from tests.commands.in_process import flags_of

RANDOM = np.random.default_rng(0)
ADAM = RANDOM.lognormal(size=20)
NAG = ADAM * 0.9


def _write(folder, learned, split="test", baselines=(("Adam", ADAM), ("NAG", NAG))):
    """A `results.json` with these losses: group to one array a seed."""
    folder.mkdir(parents=True)

    def entry(name, losses, is_learned, details):
        finals = {"final_losses": losses.tolist(), "held_out_final_losses": {}}
        if split:
            # What the optimizee saw says the opposite.
            finals = {"final_losses": (-losses).tolist(), "held_out_final_losses": {split: losses.tolist()}}
        return {"name": name, "learned": is_learned, "details": details, **finals}

    results = [
        entry(f"{group}, seed {seed}", losses, True, {"group": group} if group else {})
        for group, seeds in learned.items()
        for seed, losses in enumerate(seeds)
    ]
    results += [entry(name, losses, False, {}) for name, losses in baselines]
    (folder / "results.json").write_text(json.dumps({**({"split": split} if split else {}), "results": results}))


def _row(text, claim):
    return next(line.strip("|").split("|") for line in text.splitlines() if claim in line)


def test_numbers_and_verdicts(tmp_path):
    _write(tmp_path / "mnist-100", {"RNNProp": [NAG * 0.8, NAG * 0.85]})
    _write(tmp_path / "mnist-200", {"RNNProp": [NAG * 0.8, NAG * 1.1]})
    _write(tmp_path / "transfer-40-units", {"RNNProp": [NAG * 1.1]})
    _write(tmp_path / "transfer-relu", {"RNNProp": [NAG * 1.1]})
    _write(tmp_path / "cifar-5", {"LearnedMomentum": [NAG * 1.1], "LearnedAdam-sub": [NAG * 0.8]})
    _write(tmp_path / "quadratic-gaussian-100", {"LSTM": [NAG * 0.5]}, split=None)
    _write(tmp_path / "neural_art-64", {None: [NAG * 0.8]}, split=None)
    text = claims.render(tmp_path)
    expected = {
        "at step 100": verdict.HOLDS,
        "at step 200": verdict.NOT_RUN,
        "on to step 200": verdict.IN_PART,
        "40 units": verdict.DOES_NOT_HOLD,
        "ReLU: does not transfer": verdict.HOLDS,
        "CIFAR-5": verdict.HOLDS,
        "CIFAR-2": verdict.NOT_RUN,
        # One of its two comparisons is there.
        "Quadratics: well below": verdict.NOT_RUN,
        "on new content |": verdict.HOLDS,
    }
    del expected["at step 200"]
    for claim, found in expected.items():
        assert _row(text, claim)[-1].strip() == found, claim
    measured = _row(text, "at step 100")[-2]
    mean = 0.825 * NAG
    low, high = stats.t.interval(0.95, 19, mean.mean(), stats.sem(mean))
    assert f"{mean.mean():.4g} ± {(high - low) / 2:.2g} ({0.8 * NAG.mean():.4g}, {0.85 * NAG.mean():.4g})" in measured
    assert f"NAG {NAG.mean():.4g} ± " in measured
    assert "ratio 0.82, 2 of 2 seeds below, 20 draws" in measured
    assert "[mnist-100](mnist-100/table.md)" in measured
    assert "1 of 2 seeds below" in _row(text, "on to step 200")[-2]


def test_every_figure_of_the_paper_has_its_claims(tmp_path):
    text = claims.render(tmp_path)
    figures = [line.split("|")[1].strip().partition(",")[0] for line in text.splitlines() if line.startswith("| ")][2:]
    assert set(figures) == {"4", "-", "5", "6", "7", "8"}
    assert text.count(verdict.NOT_RUN) == len(claims.CLAIMS)


def test_a_diverged_optimizer_is_not_below(tmp_path):
    _write(tmp_path / "mnist-100", {"RNNProp": [NAG * 0.8]})
    content = json.loads((tmp_path / "mnist-100" / "results.json").read_text())
    content["results"][0]["held_out_final_losses"]["test"][3] = None
    (tmp_path / "mnist-100" / "results.json").write_text(json.dumps(content))
    numbers, found = claims.judge(claims.CLAIMS[2], tmp_path / "mnist-100")
    assert found == verdict.DOES_NOT_HOLD
    assert numbers.startswith("not finite (inf), NAG ")


def test_the_command_writes_the_table(tmp_path, capsys):
    with flags_of(claims, f"--results={tmp_path}"):
        claims.main()
    assert (tmp_path / "claims.md").read_text() == claims.render(tmp_path)
    assert "Written: " in capsys.readouterr().out


def test_the_sweep_in_one_table_and_figure(tmp_path):
    learned = {(20, 1): [NAG * 0.8, NAG * 0.6], (200, 2): [NAG * 1.2, NAG * 1.4]}
    for (units, layers), seeds in learned.items():
        _write(tmp_path / "sweep" / f"{units}x{layers}", {"RNNProp": seeds})
    losses = sweep.read(tmp_path / "sweep")
    np.testing.assert_allclose(losses[20, 1]["RNNProp"], 0.7 * NAG)
    sweep.finish(tmp_path)
    lines = (tmp_path / "sweep" / "table.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert rows[0] == ["layers x units", "RNNProp", "Adam", "NAG", "learned / best"]
    assert [row[0] for row in rows[2:]] == ["1 x 20 (trained on)", "2 x 200"]
    assert [float(row[-1]) for row in rows[2:]] == pytest.approx([0.7, 1.3], abs=1e-3)
    assert float(rows[2][1].partition(" ")[0]) == pytest.approx(0.7 * NAG.mean(), rel=1e-3)
    panels = sweep.figure(losses).axes
    assert [axes.get_title() for axes in panels] == ["1 layer", "2 layers"]
    assert [line.get_xdata()[0] for line in panels[0].lines if line.get_label() == "trained on"] == [20]
