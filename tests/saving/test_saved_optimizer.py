"""Saved optimizers: round trips, and folders that are not whole."""

import json

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import LearnedOptimizer, MetaOptimizer, networks
from l2l_tf.saving import saved_optimizer
from l2l_tf.saving.saved_optimizer import SavedOptimizerError
from l2l_tf.unrolling.coordinates import AssignedNetworks


def optimizer(seed=0):
    return AssignedNetworks(
        {
            "conv": networks.get("KernelDeepLSTM", kernel_shape=(2, 2), layers=(3,), seed=seed),
            "fc": networks.get("CoordinateWiseDeepLSTM", layers=(3, 2), initializer={"linear": {"w": np.ones((2, 1))}}),
            "bias": networks.get("Adam", learning_rate=0.25),
        },
        [("conv", ["*/w"]), ("fc", ["mlp/*"]), ("bias", ["b"])],
    )


def weights(network):
    return {name: networks.weights_of(member) for name, member in network.networks.items()}


def test_round_trip(tmp_path):
    saved = optimizer()
    saved_optimizer.save(saved, tmp_path, {"problem": "quadratic"})
    loaded = saved_optimizer.load(tmp_path)
    assert saved_optimizer.read(tmp_path)[0]["metadata"] == {"problem": "quadratic"}
    assert loaded.net_assignments == saved.net_assignments
    assert weights(loaded).keys() == weights(saved).keys()
    for name, member in weights(saved).items():
        assert loaded.networks[name].options == saved.networks[name].options | (
            {"initializer": {"linear": {"w": "zeros"}}} if name == "fc" else {}
        )
        for key, array in member.items():
            np.testing.assert_array_equal(weights(loaded)[name][key], array)


def test_options_of_another_use_go_to_the_networks_that_take_them(tmp_path):
    members = {
        "sharing": networks.get("GlobalAveragingLSTM", layers=(3,), global_cells=1, function_axis=0),
        "adam": networks.get("Adam"),
    }
    saved_optimizer.save(AssignedNetworks(members, [("sharing", ["a"]), ("adam", ["b"])]), tmp_path)
    assert saved_optimizer.load(tmp_path).networks["sharing"].options["function_axis"] == 0
    loaded = saved_optimizer.load(tmp_path, function_axis=None).networks
    assert loaded["sharing"].options == members["sharing"].options | {"function_axis": None}
    assert loaded["adam"].options == members["adam"].options


def test_saving_again_replaces_and_leaves_no_old_weights_but_other_files(tmp_path):
    (tmp_path / "checkpoint.npz").write_bytes(b"another's")
    saved_optimizer.save(optimizer(seed=0), tmp_path)
    saved_optimizer.save(optimizer(seed=1), tmp_path)
    config, _ = saved_optimizer.read(tmp_path)
    kept = {"checkpoint.npz", "config.json", *(entry["weights"] for entry in config["networks"].values())}
    assert {file.name for file in tmp_path.iterdir()} == kept


def test_a_save_that_was_cut_off_before_its_end_leaves_the_old_optimizer(tmp_path):
    old = optimizer(seed=0)
    saved_optimizer.save(old, tmp_path)
    config = (tmp_path / "config.json").read_bytes()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    saved_optimizer.save(optimizer(seed=1), tmp_path)
    # The moment before config.json is replaced: new weights are there, old ones not yet removed.
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "config.json").write_bytes(config)
    for key, array in weights(old)["conv"].items():
        np.testing.assert_array_equal(weights(saved_optimizer.load(tmp_path))["conv"][key], array)


def _edit(folder, change, unsigned=True):
    """Changes config.json, as somebody who means it does: with the format that has no digest of it."""
    config = json.loads((folder / "config.json").read_text())
    if unsigned:
        config["format_version"] = 1
        del config["sha256"]
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def _weights_file(folder):
    return next(folder.glob("conv.*.npz"))


DAMAGE = {
    "no config": (lambda f: (f / "config.json").unlink(), "has no config.json"),
    "half a config": (
        lambda f: (f / "config.json").write_text((f / "config.json").read_text()[:40]),
        "is not whole JSON",
    ),
    "a list for a config": (lambda f: (f / "config.json").write_text("[]"), "format version None"),
    "another version": (
        lambda f: _edit(f, lambda c: c.update(format_version=99)),
        "format version 99.*reads version 2",
    ),
    "no networks": (lambda f: _edit(f, lambda c: c.pop("networks")), "lacks 'networks'"),
    "another option": (
        lambda f: _edit(f, lambda c: c["networks"]["bias"]["net_options"].update(learning_rate=0.5), unsigned=False),
        r"is not as it was saved \(other digest\)",
    ),
    "no digest": (lambda f: _edit(f, lambda c: c.pop("sha256"), unsigned=False), r"is not as it was saved"),
    "metadata": (lambda f: _edit(f, lambda c: c.update(metadata=5)), "damaged entry 'metadata'"),
    "deep": (lambda f: (f / "config.json").write_text("[" * 100_000), "is not whole JSON"),
    "assignments": (lambda f: _edit(f, lambda c: c.update(net_assignments=[5])), "The assignments saved at .* do not"),
    "no weights": (lambda f: _weights_file(f).unlink(), "are missing"),
    "half the weights": (
        lambda f: _weights_file(f).write_bytes(_weights_file(f).read_bytes()[:100]),
        "100 bytes, other digest",
    ),
    "an unknown network": (
        lambda f: _edit(f, lambda c: c["networks"]["conv"].update(net="Nothing")),
        "'conv' saved at .* does not load: Networks are",
    ),
    "weights of other shapes": (
        lambda f: _edit(f, lambda c: c["networks"]["conv"]["net_options"].update(layers=[4])),
        "does not load: The weight .* has the shape",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_folder_is_one_clear_error(tmp_path, name):
    damage, message = DAMAGE[name]
    saved_optimizer.save(optimizer(), tmp_path)
    damage(tmp_path)
    with pytest.raises(SavedOptimizerError, match=message):
        saved_optimizer.load(tmp_path)


def test_a_config_written_otherwise_says_the_same(tmp_path):
    """White space, and the order of its entries, are not what it says; an edit that is meant is read."""
    saved_optimizer.save(optimizer(), tmp_path, {"best": (1, 2.5)})
    before = saved_optimizer.read(tmp_path)[0]
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(dict(reversed(config.items()))))
    assert saved_optimizer.read(tmp_path)[0] == before
    _edit(tmp_path, lambda c: c["networks"]["bias"]["net_options"].update(learning_rate=0.5))
    assert saved_optimizer.load(tmp_path).networks["bias"].options["learning_rate"] == 0.5


def test_no_folder():
    with pytest.raises(SavedOptimizerError, match="no such folder"):
        saved_optimizer.load("nowhere")


DAMAGED = [
    [],
    {},
    {"a": {}},
    {"a": {"net": "Adam", "net_options": {}, "weights": "a.npz"}},
    {"a": {"net": 5, "net_options": {}, "weights": "a.npz", "sha256": ""}},
    {"a": {"net": "Adam", "net_options": [1], "weights": "a.npz", "sha256": ""}},
    {"a": {"net": "Adam", "net_options": {}, "weights": "../precious.npz", "sha256": ""}},
    {"a": {"net": "Adam", "net_options": {}, "weights": "notes.txt", "sha256": ""}},
]


@pytest.mark.parametrize("entries", DAMAGED, ids=str)
def test_damaged_entries_are_refused_and_lead_to_no_other_file(entries, tmp_path):
    (tmp_path / "precious.npz").write_text("mine")
    folder = tmp_path / "optimizer"
    saved_optimizer.save(optimizer(), folder)
    (folder / "notes.txt").write_text("mine")
    _edit(folder, lambda config: config.update(networks=entries))
    with pytest.raises(SavedOptimizerError, match=r"damaged entry 'networks'"):
        saved_optimizer.read(folder)
    saved_optimizer.save(optimizer(), folder)
    assert (tmp_path / "precious.npz").exists()
    assert (folder / "notes.txt").exists()


class Adam(networks.Network):
    """A user's own, by a name that the library has too."""

    def __init__(self, names=("left", "right")):
        super().__init__({})
        self.left, self.right = (tf.Variable(value, name=name) for value, name in zip((1.0, 2.0), names))

    def initial_state(self, parameters):
        return ()

    def __call__(self, observation, state):
        return {name: -self.left * gradient for name, gradient in observation.gradients.items()}, state


def test_a_network_that_could_not_be_loaded_is_not_saved(tmp_path):
    saved_optimizer.save(optimizer(), tmp_path)
    own = AssignedNetworks({"own": Adam()})
    for save in (lambda: saved_optimizer.save(own, tmp_path), LearnedOptimizer(own).get_config):
        with pytest.raises(
            ValueError, match=r"saved by its networks' names.* Received: tests\.saving\.test_saved_opt.*\.Adam\."
        ):
            save()
    assert set(saved_optimizer.load(tmp_path).networks) == {"conv", "fc", "bias"}


def test_weights_of_the_same_name_are_refused():
    with pytest.raises(ValueError, match=r"The weights of Adam need names of their own\. Received: \['.*Var.*'\]"):
        networks.weights_of(Adam(names=("Variable", "Variable")))


def test_an_option_that_no_network_takes_is_refused(tmp_path):
    saved_optimizer.save(optimizer(), tmp_path)
    with pytest.raises(ValueError, match=r"No network takes these options: \['losess'\]\."):
        saved_optimizer.load(tmp_path, losess=[])


@pytest.mark.parametrize("content", ['{"model_type": "bert"}', "[]", "not JSON", ""])
def test_the_config_of_something_else_is_kept(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    optimizer_of_meta = MetaOptimizer(cw=networks.get("Sgd"))
    for save in (lambda: saved_optimizer.save(optimizer(), tmp_path), lambda: optimizer_of_meta.save(tmp_path)):
        with pytest.raises(ValueError, match=r"config.json' is not of a saved optimizer, or damaged, so it is kept"):
            save()
    assert (tmp_path / "config.json").read_text() == content
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]
    optimizer_of_meta.save(tmp_path, overwrite=True)
    assert set(saved_optimizer.load(tmp_path).networks) == {"cw"}


def test_saving_over_a_config_that_names_other_files_leaves_them(tmp_path):
    """A folder that came from somewhere else does not choose what is removed."""
    saved_optimizer.save(optimizer(), tmp_path)
    (tmp_path / "data.npz").write_bytes(b"mine")
    _edit(tmp_path, lambda c: c["networks"]["conv"].update(weights="data.npz"))
    saved_optimizer.save(optimizer(), tmp_path)
    assert (tmp_path / "data.npz").read_bytes() == b"mine"
