"""The folder of a meta-training run: its checkpoint, the best optimizer, and the last one."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from l2l_tf.saving import files, locks, saved_optimizer
from l2l_tf.training import checkpoint
from l2l_tf.training.swapped import Swapped
from l2l_tf.unrolling.coordinates import AssignedNetworks

LAST = "last"  # The subfolder of the optimizer after the last step; the best one is in the folder itself.


class RunFolder:
    """A folder that a run has to itself while it writes, and that nobody else has written to since.

    Args:
      path: of the folder.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._as_found = checkpoint.stamp(self.path)

    def check_free(self) -> None:
        """Raises a ValueError where it holds an earlier run."""
        for place in (self.path, self.path / LAST):
            checkpoint.check_free(place)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """With the folder to itself, which is as this run has left it.

        Raises:
          LockedError: another process trains in this folder.
          ValueError: another one did since this run was made.
        """
        files.make_folder(self.path)
        with locks.training_in(self.path):
            if checkpoint.stamp(self.path) != self._as_found:
                raise ValueError(
                    f"Another training has written to {str(self.path)!r} meanwhile. Resume that one, or choose "
                    "another --save_path."
                )
            yield

    def sweep(self) -> None:
        """Removes what a run that was killed left half written."""
        for folder in (self.path, self.path / LAST):
            files.sweep(folder, _is_of_a_run, seconds=0)

    def write(self, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
        """Writes the checkpoint."""
        checkpoint.write(self.path, arrays, facts)
        self._as_found = checkpoint.stamp(self.path)

    def save_optimizers(
        self,
        network: AssignedNetworks,
        variables: Sequence[tf.Variable],
        best: Sequence[np.ndarray],
        last: Sequence[np.ndarray],
        metadata: dict[str, Any],
    ) -> None:
        """Saves the networks with the best weights in the folder, and with the last ones in `last/`."""
        for folder, weights in ((self.path, best), (self.path / LAST, last)):
            with Swapped(variables, weights):
                saved_optimizer.save(network, folder, metadata, overwrite=True)


def _is_of_a_run(name: str) -> bool:
    """Whether a training writes a file of that name."""
    return name in (checkpoint.FILE, saved_optimizer.CONFIG) or saved_optimizer.is_weights(name)
