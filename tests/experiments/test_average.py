"""The mean of saved optimizers."""

import numpy as np
import pytest

from experiments.analysis import average
from l2l_tf import networks
from l2l_tf.networks.network import assign_weights, weights_of
from l2l_tf.saving import saved_optimizer
from l2l_tf.unrolling.coordinates import AssignedNetworks
from tests.commands.in_process import flags_of


def _saved(folder, value, **options):
    network = networks.get("PerParameterMLP", **options)
    assign_weights(network, {name: np.full_like(weight, value) for name, weight in weights_of(network).items()})
    saved_optimizer.save(AssignedNetworks({"rule": network}), folder, {"problem": f"of {value}"})
    return folder


def test_the_mean_of_optimizers_is_one_that_says_where_it_comes_from(tmp_path):
    folders = [_saved(tmp_path / str(value), value) for value in (1.0, 2.0, 6.0)]
    average.average(folders, tmp_path / "mean")
    config, weights = saved_optimizer.read(tmp_path / "mean")
    assert all(np.all(weight == 3.0) for weight in weights["rule"].values())
    digests = [saved_optimizer.read(folder)[0]["networks"]["rule"]["sha256"] for folder in folders]
    assert [each["weights"]["rule"] for each in config["metadata"]["average"]] == digests
    assert config["metadata"]["problem"] == "of 6.0"


def test_optimizers_without_a_mean_are_refused(tmp_path):
    folders = [_saved(tmp_path / "a", 1.0), _saved(tmp_path / "b", 1.0, layers=[3])]
    with pytest.raises(ValueError, match=r"have the same networks\. Received: others for 'rule'"):
        average.average(folders, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--optimizers=mnist"], r"two or more\. Received: mnist\."),
        (["--optimizers=mnist,mnist"], "--output names"),
        (["--optimizers=mnist,missing", "--output=mean"], "no saved optimizer at 'missing'"),
    ],
)
def test_wrong_flags_are_said(words, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with flags_of(average, *words), pytest.raises(ValueError, match=message):
        average.main()
