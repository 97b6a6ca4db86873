"""A rule that can be told how long its run is, from one of the same kind that cannot, to be trained on.

  python -m experiments told --optimizer=general --output=runs/told
  python train.py --problem=mixture --preset=general_told --start_from=runs/told --save_path=runs/general_told

The weights of the layer that is new to the network (`networks.run_length`) are 0: told nothing, it takes the steps
that it took, and told how long the run is, those with the factor of `run_length`.
"""

from pathlib import Path

import numpy as np
from absl import flags

from l2l_tf import pretrained
from l2l_tf.commands import command_line
from l2l_tf.saving import provenance, saved_optimizer

DESCRIPTION = __doc__ or ""
FLAGS = flags.FlagValues()
flags.DEFINE_string(
    "optimizer", pretrained.GENERAL, "Folder of a saved optimizer, or name of a pretrained one.", flag_values=FLAGS
)
flags.DEFINE_string("output", None, "Folder of the rule that can be told.", flag_values=FLAGS)
flags.DEFINE_bool("debug", False, "Show the traceback of every error.", flag_values=FLAGS)


def main() -> None:
    """The command."""
    if not FLAGS.output:
        raise ValueError("--output names the folder of the rule that can be told.")
    folder = pretrained.folder(FLAGS.optimizer)
    saved_optimizer.read(folder)
    command_line.import_tensorflow()
    told(folder, Path(FLAGS.output))
    print(f"{FLAGS.optimizer}, as a rule that can be told how long its run is, is in {FLAGS.output}.")


def told(folder: Path, output: Path) -> None:
    """Saves to `output` the optimizer in `folder` with networks that can be told.

    Raises:
      ValueError: a network is no ControlledMLP, or can be told already.
      OSError: a folder cannot be read or written.
    """
    from l2l_tf import networks
    from l2l_tf.networks.controlled_mlp import ControlledMLP
    from l2l_tf.networks.network import assign_weights, weights_of
    from l2l_tf.unrolling.coordinates import AssignedNetworks

    loaded = saved_optimizer.load(folder)
    nets = {}
    for name, network in loaded.networks.items():
        if not isinstance(network, ControlledMLP) or network.options["told"]:
            raise ValueError(
                "Those that can be made to be told are ControlledMLP that are not yet. "
                f"Received: {name!r}, {type(network).__name__} with {network.options}."
            )
        nets[name] = networks.get("ControlledMLP", **{**network.options, "told": True})
        like, weights = weights_of(nets[name]), weights_of(network)
        assign_weights(nets[name], {key: weights.get(key, np.zeros_like(value)) for key, value in like.items()})
    config, _ = saved_optimizer.read(folder)
    metadata = {**config["metadata"], "told_from": config["metadata"].get("provenance")}
    metadata |= {"provenance": provenance.provenance(0)}
    saved_optimizer.save(AssignedNetworks(nets, config["net_assignments"]), output, metadata)
