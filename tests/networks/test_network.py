import numpy as np
import pytest

from l2l_tf import networks
from l2l_tf.networks import assign_weights, weights_of


@pytest.mark.parametrize("name", ["CoordinateWiseDeepLSTM", "coordinate_wise_deep_lstm", "coordinatewise-deep-lstm"])
def test_get_by_name_in_any_spelling(name):
    assert isinstance(networks.get(name, layers=()), networks.NETWORKS["CoordinateWiseDeepLSTM"])


def test_get_refuses_an_unknown_name_and_lists_the_known():
    with pytest.raises(ValueError, match=r"Networks are \['AdafactorMLP', 'Adam', .*\]\. Received: 'Adamm'\."):
        networks.get("Adamm")


def test_get_refuses_options_the_network_does_not_take():
    with pytest.raises(ValueError, match=r"Adam does not take these options: .*'beta'.* Received: \{'beta': 0\.9\}\."):
        networks.get("Adam", beta=0.9)


def test_two_networks_of_one_type_do_not_share_weights():
    first = networks.get("CoordinateWiseDeepLSTM", layers=(2,))
    second = networks.get("CoordinateWiseDeepLSTM", layers=(2,))
    assign_weights(first, {name: value + 1 for name, value in weights_of(first).items()})
    for name, value in weights_of(second).items():
        np.testing.assert_array_equal(weights_of(first)[name], value + 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda weights: weights.pop("linear/b"),
            r"has the weights \['linear/b', 'linear/w'\]\. Received: \['linear/w'\]\.",
        ),
        (
            lambda weights: weights.update(extra=np.zeros(1)),
            r"has the weights \['linear/b', 'linear/w'\]\. Received: \['extra', 'linear/b', 'linear/w'\]\.",
        ),
        (
            lambda weights: weights.update({"linear/w": np.zeros([2, 1])}),
            r"The weight 'linear/w' of CoordinateWiseDeepLSTM has the shape \(1, 1\)\. Received: \(2, 1\)\.",
        ),
    ],
)
def test_assign_weights_refuses_what_does_not_fit_and_assigns_nothing(change, message):
    network = networks.get("CoordinateWiseDeepLSTM", layers=())
    before = weights_of(network)
    weights = {name: value + 1 for name, value in before.items()}
    change(weights)
    with pytest.raises(ValueError, match=message):
        assign_weights(network, weights)
    for name, value in weights_of(network).items():
        np.testing.assert_array_equal(value, before[name])
