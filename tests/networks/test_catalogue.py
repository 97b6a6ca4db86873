"""The table of networks against the classes it describes."""

import inspect
import subprocess
import sys

import pytest

from l2l_tf import networks
from l2l_tf.networks import catalogue


def _signature(network) -> tuple[set[str], set[str]]:
    """The keyword arguments of a constructor and of those it passes `**options` on to, and the required ones."""
    own, taken = network.__name__, {}
    for cls in network.__mro__:
        if "__init__" not in vars(cls) or cls.__module__ == "l2l_tf.networks.network":
            continue
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        named = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD or p.kind is p.KEYWORD_ONLY]
        # What a subclass gives its base by position, it does not pass on.
        taken |= {p.name: p for p in named if p.name not in taken and (cls.__name__ == own or p.name != "size")}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return set(taken) - {"name"}, {name for name, p in taken.items() if p.default is p.empty}


@pytest.mark.parametrize("name", catalogue.names())
def test_options_are_those_of_the_constructor(name):
    network = networks.NETWORKS[name]
    assert network.__name__ == name
    entry = catalogue.CATALOGUE[name]
    assert (set(entry.options), set(entry.required)) == _signature(network)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("adam", "Adam"),
        ("RMSprop", "RMSProp"),
        ("NAG", "Nesterov"),
        ("coordinate-wise_deep_lstm", "CoordinateWiseDeepLSTM"),
    ],
)
def test_find_overlooks_case_and_hyphens(written, meant):
    assert catalogue.find(written) == meant


def test_names_options_and_errors_need_no_tensorflow():
    code = (
        "import sys; from l2l_tf import networks; from l2l_tf.networks import catalogue; networks.names();"
        "catalogue.check_options('adam', {'beta_1': 0}); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_check_options_names_what_is_missing():
    with pytest.raises(ValueError, match=r"^KernelDeepLSTM does not take these options: it needs 'kernel_shape'\. Rec"):
        catalogue.check_options("KernelDeepLSTM", {"scale": 1.0})
