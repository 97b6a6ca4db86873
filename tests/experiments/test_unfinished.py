"""What an unfinished comparison has measured is found again, or measured again where its file is damaged."""

import numpy as np

from experiments.shared.unfinished import Unfinished
from l2l_tf.evaluation import comparison
from l2l_tf.evaluation.evaluator import Curves

CURVES = Curves(
    np.arange(8.0, dtype=np.float32).reshape(2, 4),
    {"test": np.arange(4.0).reshape(2, 2)},
    (1, 3),
    np.array([0.5, 0.25]),
)


def same(curves):
    return (
        np.array_equal(curves.losses, CURVES.losses)
        and np.array_equal(curves.held_out["test"], CURVES.held_out["test"])
        and curves.held_out_steps == (1, 3)
        and np.array_equal(curves.seconds, CURVES.seconds)
    )


def test_bits_flipped_give_the_same_curves_or_a_new_measurement(tmp_path, capsys):
    unfinished = Unfinished(tmp_path, {"problem": "simple"})
    contender = comparison.classic("SGD", "Sgd", 0.1)
    assert unfinished.find(contender) is None
    assert capsys.readouterr().out == ""
    unfinished.add(contender, CURVES)
    assert same(unfinished.find(contender))
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for bit in range(0, 8 * len(whole), 37):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        found = unfinished.find(contender)
        assert found is None or same(found)
    file.write_bytes(whole[:100])
    assert unfinished.find(contender) is None
    assert capsys.readouterr().out.endswith("SGD is measured again.\n")
