"""The learned optimizers of a comparison: those that the experiment trains, or saved ones that are given."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.shared import runs
from l2l_tf import pretrained
from l2l_tf.saving import saved_optimizer


def optimizers(names: Sequence[str]) -> dict[str, Path]:
    """Name to folder of saved optimizers, given by their folders or as names of pretrained ones.

    Raises:
      SavedOptimizerError: a folder does not hold one.
      ValueError: two of the same name.
    """
    found: dict[str, Path] = {}
    for name in names:
        folder = pretrained.folder(name)
        saved_optimizer.read(folder)
        own_name = Path(name).name  # An address has another than the folder that it is downloaded to.
        if own_name in found:
            raise ValueError(f"Folders of optimizers have names of their own. Received: {own_name!r} twice.")
        found[own_name] = folder
    return found


def trained(learned: Mapping[str, str], parent: Path, seeds: Sequence[int], problem: Any) -> Iterator[Any]:
    """The contenders of an experiment's own trainings; `details` says of which group and seed each is.

    Args:
      learned: name in the table, the group, to name of the training.
      parent: folder of the trainings.
      seeds: of the trainings.
      problem: what they compete on.
    """
    for group, training in learned.items():
        for seed in seeds:
            yield _of_a_seed(group, seed, parent / runs.folder_name(training, seed), problem)


def given(learned: Mapping[str, str], folders: Mapping[str, Path], problem: Any) -> Iterator[Any]:
    """The contenders in these folders.

    One that has the name of a training and a seed, as those in results/optimizers have, stands in the table as if it
    had been trained here; others are groups of their own.
    """
    groups = {training: group for group, training in learned.items()}
    for name, folder in folders.items():
        named = runs.of_folder_name(name)
        if named and named[0] in groups:
            yield _of_a_seed(groups[named[0]], named[1], folder, problem)
        else:
            yield _contender(name, folder, problem, {"group": name})


def _of_a_seed(group: str, seed: int, folder: Path, problem: Any) -> Any:
    return _contender(f"{group}, seed {seed}", folder, problem, {"group": group, "seed": seed})


def _contender(name: str, folder: Path, problem: Any, about: dict[str, Any]) -> Any:
    from l2l_tf.evaluation import comparison

    contender = comparison.saved(name, folder, problem)
    return contender._replace(details={**contender.details, "path": folder.name, **about})
