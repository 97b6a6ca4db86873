"""The optimizers that come with the package: each loads, has a card, and works."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import l2l_tf
from l2l_tf import pretrained
from l2l_tf.networks import Observation, weights_of
from l2l_tf.unrolling.coordinates import AssignedNetworks

every_name = pytest.mark.parametrize("name", pretrained.names())


def test_an_unknown_name_lists_the_known():
    for call in (pretrained.path, pretrained.load, pretrained.card):
        with pytest.raises(ValueError, match=r"Pretrained optimizers are \[.*\]. Received: 'nonesuch'"):
            call("nonesuch")


def test_names_are_folders_with_a_configuration():
    for name in pretrained.names():
        assert (pretrained.path(name) / "config.json").is_file()
    assert l2l_tf.pretrained is pretrained


def test_names_need_no_tensorflow():
    script = "import sys; from l2l_tf import pretrained; pretrained.names(); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


@every_name
def test_it_loads_and_moves_against_the_gradient(name):
    network = pretrained.load(name)
    assert isinstance(network, AssignedNetworks)
    assert all(np.all(np.isfinite(w)) for member in network.networks.values() for w in weights_of(member).values())
    for member in network.networks.values():
        gradient, x = tf.constant([0.1, -0.1, 0.02]), tf.zeros([3])
        state = member.initial_state({"x": x})
        for step in range(10):
            observation = Observation({"x": gradient}, parameters={"x": x}, step=tf.constant(float(step)))
            updates, state = member(observation, state)
            x += updates["x"]
        assert np.all(np.sign(x) == -np.sign(gradient))


@every_name
def test_it_is_small_and_has_a_card(name):
    assert sum(file.stat().st_size for file in pretrained.path(name).rglob("*")) < 200_000
    card = pretrained.card(name).lower()
    for word in ("command", "seed", "commit", "data", "fails", "adam"):
        assert word in card, f"the card of {name} says nothing of: {word}"
