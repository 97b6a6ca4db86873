"""Optimizers on the Hub: put there and had back bit for bit, as data alone; one clear error for what goes wrong."""

import copy
import inspect
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import l2l_tf
from l2l_tf import LearnedOptimizer, MetaOptimizer, networks, pretrained
from l2l_tf.commands import evaluate, train
from l2l_tf.evaluation import comparison
from l2l_tf.saving import hub, saved_optimizer
from problems.quadratic import Quadratic
from tests.saving import fake_hub, hub_server

ROOT = Path(__file__).parents[2]
ADDRESS = "hf://ada/rule"
METADATA = {"problem": "quadratic", "problem_options": {"batch_size": 2, "num_dims": 2}}


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """An empty Hub in the place of the real one."""
    made = fake_hub.Hub(tmp_path / "cache")
    monkeypatch.setitem(sys.modules, "huggingface_hub", made.module)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", made.module.errors)
    return made


def optimizer(seed=0, layers=(2,)):
    options = {"layers": layers, "scale": 0.1, "seed": seed}
    return MetaOptimizer(cw={"net": "CoordinateWiseDeepLSTM", "net_options": options})


def assert_same_weights(one, other):
    ours, theirs = one.save(), other.save()
    assert list(ours) == list(theirs)
    for name in ours:
        assert list(ours[name]) == list(theirs[name])
        for variable in ours[name]:
            np.testing.assert_array_equal(ours[name][variable], theirs[name][variable])


def test_pushed_and_loaded_bit_for_bit(remote):
    first, second = optimizer(0), optimizer(1)
    address = first.push(ADDRESS, METADATA)
    assert hub.parsed(address).repository == "ada/rule"
    second.push(ADDRESS, METADATA)
    assert_same_weights(l2l_tf.load(ADDRESS), second)
    assert_same_weights(l2l_tf.load(address), first)  # A commit stays what it was.
    files = remote.commit("ada/rule", None)
    assert len([name for name in files if name.endswith(".npz")]) == 1, "The weights before are still there."
    assert b'LearnedOptimizer("hf://ada/rule")' in files["README.md"]
    loaded = l2l_tf.load(ADDRESS)
    assert loaded.metadata == METADATA
    assert json.loads(remote.commit("ada/rule", "main")["config.json"])["metadata"] == METADATA
    loaded.push("hf://ada/copy", private=True)
    assert l2l_tf.load("hf://ada/copy").metadata == METADATA
    assert remote.cards == {"ada/rule": None, "ada/copy": True}


def test_only_what_the_configuration_names_is_downloaded_and_only_once(remote):
    optimizer().push(ADDRESS, METADATA)
    files = remote.commit("ada/rule", None)
    files |= {"canary.py": b"raise SystemExit", "weights.pkl": b"!", "other.npz": b"!"}
    (weights,) = saved_optimizer.weights_named(pretrained.folder(ADDRESS))
    assert remote.downloads == ["config.json", weights]
    assert {file.name for file in pretrained.folder(ADDRESS).iterdir()} == {"config.json", weights}
    assert remote.downloads == ["config.json", weights]


def test_a_branch(remote):
    optimizer(0).push(ADDRESS)
    optimizer(1).push(f"{ADDRESS}@trials/long")
    assert_same_weights(l2l_tf.load(ADDRESS), optimizer(0))
    assert_same_weights(l2l_tf.load(f"{ADDRESS}@trials/long"), optimizer(1))


def test_every_reader_takes_an_address(remote):
    address = optimizer(3).push(ADDRESS, METADATA)
    weights = optimizer(3).save()["cw"]
    keras_optimizer = LearnedOptimizer(ADDRESS)
    np.testing.assert_equal(networks.weights_of(keras_optimizer.network.networks["cw"]), weights)
    np.testing.assert_equal(
        networks.weights_of(pretrained.sources.resolve(Path(ADDRESS)).networks.networks["cw"]), weights
    )
    config = {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [2], "scale": 0.1}, "net_path": ADDRESS}
    np.testing.assert_equal(MetaOptimizer(cw=config).save()["cw"], weights)
    problem = Quadratic(**METADATA["problem_options"])
    of_network = l2l_tf.evaluate(optimizer(3).networks["cw"], problem, 3, 2).losses
    np.testing.assert_array_equal(l2l_tf.evaluate(ADDRESS, problem, 3, 2).losses, of_network)
    # A result says which commit it is of, and not where on this machine that was kept.
    contender = comparison.saved("L2L", pretrained.folder(ADDRESS), problem)
    assert contender.details["path"] == address


def test_the_command_takes_an_address(remote, monkeypatch):
    optimizer().push(ADDRESS, METADATA)
    flags = copy.deepcopy(evaluate.FLAGS)
    monkeypatch.setattr(evaluate, "FLAGS", flags)
    flags(["evaluate.py", f"--path={ADDRESS}", "--optimizer=L2L"])
    request = evaluate.request_from_flags()
    assert (request.problem, request.options["num_dims"]) == ("quadratic", 2)
    flags(["evaluate.py", f"--path=a={ADDRESS},b=mnist", "--problem=quadratic", "--optimizer=L2L"])
    assert list(evaluate.request_from_flags().contenders) == ["a", "b"]


@pytest.mark.parametrize(
    "address",
    ["hf://", "hf://rule", "hf://ada/rule/more", "hf://ada/../rule", "hf://ada/r--ule", "hf://ada/rule@", "hf://a b/c"],
)
def test_what_is_no_address(remote, address):
    with pytest.raises(hub.HubError, match=r"An address is hf://user/name or hf://user/name@revision. Received: 'hf:"):
        l2l_tf.load(address)


def test_without_a_network(remote):
    optimizer(5).push(ADDRESS, METADATA)
    remote.down = ConnectionError("[Errno -2] Name or service not known")
    message = (
        r"^The Hub was not reached for 'hf://ada/rule' \(\[Errno -2\] Name or service not known\), and no copy of it "
        r"is here. Check the network, or give the folder of a saved optimizer.$"
    )
    with pytest.raises(hub.HubError, match=message):
        l2l_tf.load(ADDRESS)
    with pytest.raises(hub.HubError, match="The Hub was not reached for 'hf://ada/other'"):
        optimizer().push("hf://ada/other")
    remote.down = None
    l2l_tf.load(ADDRESS)
    remote.down = ConnectionError("down")
    assert_same_weights(l2l_tf.load(ADDRESS), optimizer(5))  # From the cache.
    with pytest.raises(hub.HubError, match="not reached for 'hf://ada/rule@v2'"):
        l2l_tf.load(f"{ADDRESS}@v2")


def test_what_is_not_there_or_not_for_us(remote):
    with pytest.raises(hub.HubError, match=r"^There is no 'hf://ada/rule', or it is private. .* hf auth login.$"):
        l2l_tf.load(ADDRESS)
    optimizer().push(ADDRESS)
    with pytest.raises(hub.HubError, match=r"^'hf://ada/rule' has no revision 'v9'.$"):
        LearnedOptimizer(f"{ADDRESS}@v9")
    remote.gated.add("ada/rule")
    with pytest.raises(hub.HubError, match=r"^'hf://ada/rule' is there for those whom its owner lets in. "):
        l2l_tf.load(ADDRESS)
    remote.writable = False
    with pytest.raises(
        hub.HubError, match=r"^No permission for 'hf://ada/rule' \(403\). Log in with a token that has it"
    ):
        optimizer().push(ADDRESS)
    remote.logged_in = False
    with pytest.raises(hub.HubError, match=r"^'hf://ada/rule' needs an account of the Hub's. Log in: hf auth login.$"):
        optimizer().push(ADDRESS)
    remote.down = remote.module.errors.HfHubHTTPError("503 Server Error: try later\nMore.", 503)
    with pytest.raises(hub.HubError, match=r"^The Hub refused 'hf://ada/rule' \(503\): 503 Server Error: try later$"):
        l2l_tf.load(ADDRESS)


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (l2l_tf.load, LearnedOptimizer, optimizer().push):
        with pytest.raises(hub.HubError, match=r"which is an extra: pip install 'l2l_tf\[hub\]'.$"):
            call(ADDRESS)


def test_what_is_there_is_checked_as_a_folder_is(remote):
    optimizer().push(ADDRESS)
    whole = remote.commit("ada/rule", None)
    (weights,) = [name for name in whole if name.endswith(".npz")]

    def there(**changed):
        remote.repositories["ada/rule"]["main"].append({**whole, **changed})

    there(**{weights: whole[weights][:-9]})
    with pytest.raises(saved_optimizer.SavedOptimizerError, match="cut short or changed"):
        l2l_tf.load(ADDRESS)
    config = json.loads(whole["config.json"])
    config["format_version"] = 1
    for name in ("../secret.npz", "/etc/secret.npz", "canary.py"):
        config["networks"]["cw"]["weights"] = name
        there(**{"config.json": json.dumps(config).encode(), "canary.py": b"raise SystemExit"})
        remote.downloads.clear()
        with pytest.raises(saved_optimizer.SavedOptimizerError, match="damaged entry 'networks'"):
            l2l_tf.load(ADDRESS)
        assert remote.downloads == ["config.json"]
    config["networks"]["cw"]["weights"] = "absent.npz"
    there(**{"config.json": json.dumps(config).encode()})
    with pytest.raises(hub.HubError, match=r"'hf://ada/rule' lacks a file that its config.json names."):
        l2l_tf.load(ADDRESS)
    remote.repositories["ada/rule"]["main"].append({"model.safetensors": b""})
    with pytest.raises(hub.HubError, match=r"There is no saved optimizer at 'hf://ada/rule': it has no config.json."):
        l2l_tf.load(ADDRESS)


def test_what_is_of_something_else_is_kept(remote):
    theirs = {"config.json": b'{"model_type": "bert"}', "README.md": b"BERT", "weights.npz": b"!"}
    remote.repositories["ada/bert"] = {"main": [theirs]}
    with pytest.raises(ValueError, match=r"config.json' is not of a saved optimizer, or damaged, so it is kept"):
        optimizer().push("hf://ada/bert")
    assert remote.repositories["ada/bert"] == {"main": [theirs]}
    optimizer(2).push("hf://ada/bert", overwrite=True)
    assert_same_weights(l2l_tf.load("hf://ada/bert"), optimizer(2))
    assert {**remote.commit("ada/bert", None), **theirs}.keys() == remote.commit("ada/bert", None).keys()
    assert remote.commit("ada/bert", None)["README.md"] == b"BERT"


def test_folders_are_not_addresses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"push\(\) is for the Hub. Received: 'hf://ada/rule'."):
        optimizer().save(ADDRESS)
    monkeypatch.setattr(train, "FLAGS", copy.deepcopy(train.FLAGS))
    train.FLAGS(["train.py", f"--save_path={ADDRESS}"])
    with pytest.raises(ValueError, match=r"--save_path is a folder of this machine; .* Received: 'hf://ada/rule'."):
        train.main()
    assert not list(tmp_path.iterdir())


def test_the_fake_takes_what_the_real_one_does(tmp_path):
    """Every argument that the fake's methods know, the real ones know by that name and kind."""
    real = pytest.importorskip("huggingface_hub", reason='needs the extra: pip install "l2l_tf[hub]"')
    from huggingface_hub import errors

    pairs = [
        (getattr(fake_hub.HfApi, name), getattr(real.HfApi, name))
        for name in ("model_info", "hf_hub_download", "create_repo", "create_branch", "create_commit")
    ]
    pairs += [
        (getattr(fake_hub, name), getattr(real, name)) for name in ("CommitOperationAdd", "CommitOperationDelete")
    ]
    for fake, genuine in pairs:
        known = inspect.signature(genuine).parameters
        for name, parameter in inspect.signature(fake).parameters.items():
            assert name in known, f"{fake}: {name}"
            if parameter.kind is not parameter.KEYWORD_ONLY:
                assert known[name].kind is parameter.kind, f"{fake}: {name}"
    assert "library_name" in inspect.signature(real.HfApi.__init__).parameters
    assert {"sha", "siblings"} <= set(inspect.get_annotations(real.hf_api.ModelInfo))
    for name, fake in vars(fake_hub.Hub(tmp_path).module.errors).items():
        if isinstance(fake, type):
            assert {base.__name__ for base in fake.__mro__} <= {base.__name__ for base in getattr(errors, name).__mro__}


SCRIPT = """
import os
import numpy as np
import l2l_tf
from l2l_tf.saving import hub

optimizers = [
    l2l_tf.MetaOptimizer(cw={"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [2], "seed": seed}})
    for seed in (0, 1)
]
addresses = [optimizer.push("hf://ada/rule", {"problem": "simple"}) for optimizer in optimizers]
for address, optimizer in zip([*addresses, "hf://ada/rule"], [*optimizers, optimizers[1]]):
    loaded = l2l_tf.load(address)
    np.testing.assert_equal(loaded.save(), optimizer.save())
    assert loaded.metadata == {"problem": "simple"}
assert [hub.name_of(hub.local(address)) for address in addresses] == addresses
os.environ["HF_TOKEN"] = "hf_of_somebody_else"
for refused in (
    lambda: l2l_tf.load("hf://ada/other"), lambda: l2l_tf.load("hf://ada/rule@v9"), lambda: loaded.push("hf://ada/rule")
):
    try:
        refused()
    except hub.HubError as error:
        print(error)
"""


def test_the_real_one_pushes_and_loads(tmp_path):
    pytest.importorskip("huggingface_hub", reason='needs the extra: pip install "l2l_tf[hub]"')
    with hub_server.serving() as server:
        done = _in_a_process(SCRIPT, tmp_path, server.address, HF_TOKEN=hub_server.TOKEN)
        first, second, third = done.stdout.splitlines()
        assert first.startswith("There is no 'hf://ada/other', or it is private.")
        assert second == "'hf://ada/rule' has no revision 'v9'."
        assert third == "No permission for 'hf://ada/rule' (403). Log in with a token that has it: hf auth login."
        latest = server.repositories["ada/rule"][-1]
        assert sorted(name.split(".")[-1] for name in latest) == ["gitattributes", "json", "md", "npz"]
        assert len(server.repositories["ada/rule"]) == 3
        # Once each for the two commits, and once to see whose the configuration is that the second push replaces.
        assert sorted(name.split(".")[-1] for name in server.served) == ["json", "json", "json", "npz", "npz"]


def _in_a_process(code, home, endpoint, **variables):
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment | variables, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def test_the_real_one_fails_at_once_without_a_network(tmp_path):
    """Downloads of the library's own are tried six times, half a minute long."""
    pytest.importorskip("huggingface_hub", reason='needs the extra: pip install "l2l_tf[hub]"')
    code = f"from l2l_tf.saving import hub\ntry: hub.local({ADDRESS!r})\nexcept hub.HubError as error: print(error)"
    began = time.monotonic()
    done = _in_a_process(code, tmp_path, "http://127.0.0.1:9")  # Nobody listens there.
    assert done.stdout.startswith("The Hub was not reached for 'hf://ada/rule' ("), done.stdout
    assert done.stdout.count("\n") == 1
    assert not done.stderr
    assert time.monotonic() - began < 15
