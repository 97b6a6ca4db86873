"""What an unfinished comparison has measured: an interrupted one goes on with the optimizers that are left."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from l2l_tf.evaluation.comparison import Contender
from l2l_tf.evaluation.evaluator import Curves
from l2l_tf.networks import weights_of
from l2l_tf.saving import archive, files, provenance

FOLDER = "unfinished"
_HELD_OUT = "held_out/"


class Unfinished:
    """The curves of contenders in the folder `path`, each found again by what determines it.

    These are the comparison, the optimizer with its weights, and the versions of the packages, not changes of this
    code in between: delete the folder after such.

    Args:
      path: the folder; created with the first `add`, and gone after `finish`.
      about: JSON-able: what is the same for all contenders of the comparison.
    """

    def __init__(self, path: Path, about: dict[str, Any]):
        self._path = path
        self._about = {**about, "versions": provenance.versions()}

    def find(self, contender: Contender) -> Curves | None:
        """What was measured of the contender, or None; what is damaged is measured again, and says so."""
        file = self._file(contender)
        try:
            arrays = archive.read(file.read_bytes())
            names = [name for name in arrays if name.startswith(_HELD_OUT)]
            held_out = {name.removeprefix(_HELD_OUT): arrays[name] for name in names}
            steps = tuple(int(step) for step in arrays["held_out_steps"])
            return Curves(arrays["losses"], held_out, steps, arrays["seconds"])
        except FileNotFoundError:
            return None
        except (archive.ArchiveError, KeyError) as error:
            print(f"{str(file)!r} is damaged ({error}): {contender.name} is measured again.", flush=True)
            return None

    def add(self, contender: Contender, curves: Curves) -> None:
        """Writes down what was measured of the contender.

        Raises:
          OSError: it cannot be written.
        """
        held_out = {_HELD_OUT + name: values for name, values in curves.held_out.items()}
        steps = np.array(curves.held_out_steps, np.int64)
        with files.replacing(self._file(contender)) as stream:
            archive.write(
                stream, {"losses": curves.losses, "seconds": curves.seconds, "held_out_steps": steps, **held_out}
            )

    def finish(self) -> None:
        """Forgets all: the comparison is written down as a whole."""
        shutil.rmtree(self._path, ignore_errors=True)

    def _file(self, contender: Contender) -> Path:
        options = {key: contender.details.get(key) for key in ("net", "net_options", "networks", "net_assignments")}
        digest = hashlib.sha256(json.dumps([self._about, options], sort_keys=True).encode())
        if contender.learned:
            for name, member in contender.network.networks.items():
                for key, value in sorted(weights_of(member).items()):
                    digest.update(f"{name}/{key}".encode() + value.tobytes())
        return self._path / f"{digest.hexdigest()[:16]}.npz"
