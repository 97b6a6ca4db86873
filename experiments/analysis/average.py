"""The mean of the weights of saved optimizers that one training led to, or several from one start.

  python -m experiments average --optimizers=runs/general/last,runs/general_long/last --output=runs/mean

Outer gradients by perturbation are noisy, and the weights wander about where they are good; the mean of two places is
often better than each (Wortsman et al. 2022, "Model soups"). Weights of trainings from different starts have nothing to
do with each other: their mean is no rule at all. What is not weights is that of the last one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from l2l_tf import pretrained
from l2l_tf.commands import command_line
from l2l_tf.saving import provenance, saved_optimizer

DESCRIPTION = __doc__ or ""
FLAGS = flags.FlagValues()
flags.DEFINE_list("optimizers", [], "Folders of saved optimizers, or names of pretrained ones.", flag_values=FLAGS)
flags.DEFINE_string("output", None, "Folder of the mean.", flag_values=FLAGS)
flags.DEFINE_bool("debug", False, "Show the traceback of every error.", flag_values=FLAGS)


def main() -> None:
    """The command."""
    if len(FLAGS.optimizers) < 2:
        raise ValueError(f"--optimizers are two or more. Received: {','.join(FLAGS.optimizers) or 'none'}.")
    if not FLAGS.output:
        raise ValueError("--output names the folder of the mean.")
    folders = [pretrained.folder(name) for name in FLAGS.optimizers]
    for folder in folders:
        saved_optimizer.read(folder)
    command_line.import_tensorflow()
    average(folders, Path(FLAGS.output))
    print(f"The mean of {len(folders)} optimizers is in {FLAGS.output}.")


def average(folders: Sequence[Path], output: Path) -> None:
    """Saves the mean of the weights in `folders` to `output`.

    Raises:
      ValueError: the networks are not alike.
      OSError: a folder cannot be read or written.
    """
    from l2l_tf.networks.network import assign_weights, weights_of

    loaded = [saved_optimizer.load(folder) for folder in folders]
    result = loaded[-1]
    for name, network in result.networks.items():
        weights = [weights_of(each.networks[name]) for each in loaded if name in each.networks]
        shapes = [{key: value.shape for key, value in own.items()} for own in weights]
        if len(weights) < len(loaded) or any(own != shapes[-1] for own in shapes):
            raise ValueError(f"Optimizers with a mean have the same networks. Received: others for {name!r}.")
        assign_weights(network, {key: np.mean([own[key] for own in weights], 0) for key in shapes[-1]})
    configs = [saved_optimizer.read(folder)[0] for folder in folders]
    metadata = {**configs[-1]["metadata"], "average": _origin(configs), "provenance": provenance.provenance(0)}
    saved_optimizer.save(result, output, metadata)


def _origin(configs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where each came from, and its weights' digests."""
    return [
        {
            "provenance": config["metadata"].get("provenance"),
            "weights": {name: entry["sha256"] for name, entry in config["networks"].items()},
        }
        for config in configs
    ]
