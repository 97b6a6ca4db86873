"""Settings by problem and by network."""

import copy

import pytest

from l2l_tf import presets
from l2l_tf.commands import train
from l2l_tf.networks import catalogue
from l2l_tf.training.config import TrainingConfig


def config(monkeypatch, *flags):
    """What train.py makes of its flags."""
    parsed = copy.deepcopy(train.FLAGS)
    parsed(["train.py", *flags])
    with monkeypatch.context() as patch:
        patch.setattr(train, "FLAGS", parsed)
        return train.config_from_flags()


@pytest.mark.parametrize(
    ("preset", "problem", "network"),
    [(preset, problem, None) for preset, of_problem in presets.PRESETS.items() for problem in of_problem]
    + [("recommended", problem, network) for problem, of_net in presets.NETWORKS.items() for network in of_net],
)
def test_every_preset_is_a_training(preset, problem, network):
    settings = presets.get(preset, problem, network)
    if network is not None:
        assert catalogue.find(network) == network
        settings |= {"networks": {"network": {"net": network, "net_options": {}}}}
    TrainingConfig(**settings, problem=problem)


def test_a_second_stage_goes_on_from_a_saved_optimizer_with_the_clock_of_longer_runs(monkeypatch):
    second = config(monkeypatch, "--problem=mixture", "--preset=general_long", "--start_from=general")
    (network,) = second.networks.values()
    assert (network["net"], network["net_options"]["trained_steps"]) == ("ControlledMLP", second.num_steps)
    assert (second.start_from, second.length_power) == ("general", 2.0)


def test_networks_have_settings_of_their_own_where_they_are_recommended(monkeypatch):
    own = config(monkeypatch, "--problem=mnist", "--network=per_parameter_mlp")
    assert (own.unroll_length, own.loss_weights, own.rewind) == (20, "all", None)
    assert own.num_steps == presets.get("recommended", "mnist")["num_steps"]
    assert own.networks == {"network": {"net": "per_parameter_mlp", "net_options": {}}}
    assert config(monkeypatch, "--problem=mnist", "--network=RNNProp", "--unroll_length=50").unroll_length == 50
    assert config(monkeypatch, "--problem=mnist", "--network=LearnedMomentum").unroll_length == 100
    assert config(monkeypatch, "--problem=mnist", "--network=RNNProp", "--preset=original").second_derivatives is False
    assert config(monkeypatch, "--problem=quadratic", "--network=RNNProp").num_epochs == 400


def test_an_unknown_preset():
    with pytest.raises(ValueError, match=r"Presets are \['original', 'recommended'\]\. Received: 'best'\."):
        presets.get("best", "mnist")
