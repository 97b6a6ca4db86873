"""Where training stops the clock of the rules that see the step."""

import dataclasses

import pytest

from l2l_tf import networks
from l2l_tf.saving import saved_optimizer
from l2l_tf.training.loop import Training
from l2l_tf.unrolling.coordinates import AssignedNetworks
from tests.commands.test_train_command import train
from tests.training.training_cases import CONFIG


@pytest.mark.parametrize(
    ("curriculum", "given", "expected"),
    [
        (None, {}, 6),
        ([3, 9], {}, 9),
        ([3], {}, 3),
        (None, {"trained_steps": 4}, 4),
        (None, {"trained_steps": None}, None),
    ],
)
def test_a_clock_stops_with_the_longest_run(curriculum, given, expected, tmp_path):
    net = {"net": "adafactor-mlp", "net_options": {"layers": [2], **given}}
    config = dataclasses.replace(
        CONFIG, num_steps=6, unroll_length=3, num_steps_curriculum=curriculum, networks={"cw": net}
    )
    training = Training(config, tmp_path)
    training.save()
    saved, _ = saved_optimizer.read(tmp_path)
    assert saved["networks"]["cw"]["net_options"]["trained_steps"] == expected


@pytest.mark.parametrize(("num_steps", "expected"), [(2, 4), (6, 6)])
def test_the_clock_of_what_is_trained_further_goes_on(num_steps, expected, tmp_path):
    """It stops at the end of the longest runs that were learned from, before and now."""
    saved_optimizer.save(AssignedNetworks({"rule": networks.get("AdafactorMLP", trained_steps=4)}), tmp_path / "first")
    short = [f"--num_steps={num_steps}", "--unroll_length=2", "--num_epochs=1", "--evaluation_epochs=1"]
    folders = [f"--start_from={tmp_path}/first", f"--save_path={tmp_path}/further"]
    code, _, errors = train("--problem=quadratic", *short, *folders)
    assert code == 0, errors
    config, _ = saved_optimizer.read(tmp_path / "further")
    assert config["networks"]["rule"]["net_options"]["trained_steps"] == expected
