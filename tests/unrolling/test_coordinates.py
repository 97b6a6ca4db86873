import json

import numpy as np
import pytest
import tensorflow as tf

from l2l_tf import networks
from l2l_tf.networks import Network, Observation, weights_of
from l2l_tf.unrolling.coordinates import AssignedNetworks

NAMES = ["conv_1/w", "conv_1/b", "linear/w", "linear/b"]


class Pull(Network):
    """u = -strength theta, to see which parameters a network is shown."""

    observes = frozenset({"gradients", "parameters"})

    def __init__(self, strength):
        super().__init__({"strength": strength})
        self._strength = strength

    def initial_state(self, parameters):
        return ()

    def __call__(self, observation, state):
        assert observation.parameters.keys() == observation.gradients.keys()
        return {name: -self._strength * value for name, value in observation.parameters.items()}, state


def _gradients():
    return {name: tf.fill([2], float(i + 1)) for i, name in enumerate(NAMES)}


def _call(assigned, observation=None):
    observation = observation or Observation(_gradients())
    updates, _ = assigned(observation, assigned.initial_state(observation.gradients))
    return {name: update.numpy().tolist() for name, update in updates.items()}


def _sgd(learning_rate):
    return networks.get("Sgd", learning_rate=learning_rate)


def test_one_network_gets_every_parameter():
    assigned = AssignedNetworks({"opt": _sgd(0.5)})
    assert assigned.owned(NAMES) == {"opt": NAMES}
    assert _call(assigned) == {name: [-0.5 * (i + 1)] * 2 for i, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    ("patterns", "owned"),
    [
        (["linear/w", "conv_1/w"], ["conv_1/w", "linear/w"]),
        (["*/w"], ["conv_1/w", "linear/w"]),
        (["conv_*", "*/w"], ["conv_1/w", "conv_1/b", "linear/w"]),
        (["conv_?/[wb]"], ["conv_1/w", "conv_1/b"]),
        (["*"], NAMES),
        ([], []),
    ],
)
def test_names_and_shell_patterns_in_the_problems_order(patterns, owned):
    assigned = AssignedNetworks({"opt": _sgd(1.0)}, [("opt", patterns)])
    assert assigned.owned(NAMES) == ({"opt": owned} if owned else {})


def test_assignments_are_json_able_as_they_were_given():
    pairs = [("opt", ("*/w", "linear/b")), ("opt", [])]
    assigned = AssignedNetworks({"opt": _sgd(1.0)}, pairs)
    assert json.loads(json.dumps(assigned.net_assignments)) == [["opt", ["*/w", "linear/b"]], ["opt", []]]
    assert AssignedNetworks({"opt": _sgd(1.0)}).net_assignments == [("opt", ["*"])]


def test_a_name_with_the_characters_of_a_pattern_is_found_as_it_is():
    assigned = AssignedNetworks({"opt": _sgd(1.0)}, [("opt", ["w[0]"])])
    assert assigned.owned(["w[0]", "w0", "w1"]) == {"opt": ["w[0]", "w0"]}


def test_two_networks_on_one_parameter_add_up_and_one_without_stays_put():
    assigned = AssignedNetworks(
        {"slow": _sgd(0.5), "fast": _sgd(10.0)}, [("slow", ["conv_1/*"]), ("fast", ["conv_1/b", "linear/w"])]
    )
    assert _call(assigned) == {
        "conv_1/w": [-0.5] * 2,
        "conv_1/b": [-21.0] * 2,
        "linear/w": [-30.0] * 2,
        "linear/b": [0.0] * 2,
    }


def test_a_network_named_twice_gets_a_parameter_once():
    assigned = AssignedNetworks({"opt": _sgd(1.0)}, [("opt", ["conv_1/w"]), ("opt", ["*/w"])])
    assert assigned.owned(NAMES) == {"opt": ["conv_1/w", "linear/w"]}
    assert _call(assigned)["conv_1/w"] == [-1.0] * 2


def test_each_network_is_shown_its_own_parameters():
    assigned = AssignedNetworks({"pull": Pull(0.5), "opt": _sgd(1.0)}, [("pull", ["*/w"]), ("opt", ["*/b"])])
    assert assigned.observes == {"gradients", "parameters"}
    parameters = {name: tf.fill([2], 8.0) for name in NAMES}
    updates = _call(assigned, Observation(_gradients(), parameters))
    assert updates == {
        "conv_1/w": [-4.0] * 2,
        "conv_1/b": [-2.0] * 2,
        "linear/w": [-4.0] * 2,
        "linear/b": [-4.0] * 2,
    }


def test_states_are_apart_and_only_of_what_a_network_owns():
    momentum = networks.get("Momentum", learning_rate=1.0, momentum=0.5)
    assigned = AssignedNetworks({"a": momentum, "b": momentum}, [("a", ["*/w"]), ("b", ["linear/b"])])
    state = assigned.initial_state(_gradients())
    assert list(state["a"]["velocity"]) == ["conv_1/w", "linear/w"]
    assert list(state["b"]["velocity"]) == ["linear/b"]
    _, state = assigned(Observation(_gradients()), state)
    updates, _ = assigned(Observation(_gradients()), state)
    np.testing.assert_allclose(updates["linear/w"], [-4.5] * 2)
    np.testing.assert_allclose(updates["linear/b"], [-6.0] * 2)


def test_trainable_variables_are_those_of_all_networks():
    lstm = networks.get("CoordinateWiseDeepLSTM", layers=(2,))
    both = AssignedNetworks({"cw": lstm, "adam": networks.get("Adam")}, [("cw", ["*/w"]), ("adam", ["*/b"])])
    assert len(both.trainable_variables) == len(weights_of(lstm)) == 5
    assert {v.ref() for v in both.trainable_variables} == {v.ref() for v in lstm.trainable_variables}
    assert AssignedNetworks({"adam": networks.get("Adam")}).trainable_variables == ()


def test_trained_weights_are_phi_and_the_others_stay():
    net = networks.get("PerParameterMLP", layers=[3], decays=[0.9])
    some = AssignedNetworks({"net": net}, trained_weights=["net/output/*", "net/hidden_1/b"])
    assert len(some.trainable_variables) == 3 and len(some.frozen_variables) == 1
    assert some.frozen_variables[0] is net.layers[0].w
    both = {v.ref() for v in (*some.trainable_variables, *some.frozen_variables)}
    assert both == {v.ref() for v in net.trainable_variables}
    assert AssignedNetworks({"net": net}).frozen_variables == ()
    with pytest.raises(ValueError, match=r"'net/output/w'\]\. Received: 'output/\*'\."):
        AssignedNetworks({"net": net}, trained_weights=["output/*"])


@pytest.mark.parametrize(
    ("net_assignments", "message"),
    [
        (None, r"net_assignments is needed with several networks\. Received: networks \['cw', 'adam'\]\."),
        (
            [("cww", ["*"])],
            r"net_assignments names the network 'cww'; the networks are \['cw', 'adam'\]\.",
        ),
        (
            [("cw", "linear/w")],
            r"net_assignments gives 'cw' a list of names or patterns\. Received: 'linear/w'\.",
        ),
    ],
)
def test_bad_assignments(net_assignments, message):
    with pytest.raises(ValueError, match=message):
        AssignedNetworks({"cw": _sgd(1.0), "adam": _sgd(1.0)}, net_assignments)


@pytest.mark.parametrize("pattern", ["linear/W", "conv_2/*"])
def test_a_pattern_that_fits_nothing_lists_the_parameters(pattern):
    assigned = AssignedNetworks({"cw": _sgd(1.0)}, [("cw", ["linear/w", pattern])])
    with pytest.raises(ValueError, match=r"net_assignments gives 'cw' the parameter .* fits none of the problem's "):
        assigned.initial_state(_gradients())
    with pytest.raises(ValueError, match=r"parameters \['conv_1/w', 'conv_1/b', 'linear/w', 'linear/b'\]\.") as error:
        assigned.owned(NAMES)
    assert repr(pattern) in str(error.value)
