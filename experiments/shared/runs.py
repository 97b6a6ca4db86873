"""The meta-trainings of a study: each seed in a folder of its own, resumed where it was interrupted."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from l2l_tf.saving.provenance import provenance
from l2l_tf.training import checkpoint
from l2l_tf.training.config import TrainingConfig


class Training(NamedTuple):
    """What is trained, once for each seed.

    Attributes:
      name: the seed k is trained in the folder `name-k`.
      problem: what on.
      settings: all fields of `TrainingConfig` that are not at their defaults, but for the seed.
      seeded_weights: whether the networks' initial weights are drawn by the seed too.
      after: name of the training whose optimizer of the same seed this one starts from.
    """

    name: str
    problem: str
    settings: dict[str, Any]
    seeded_weights: bool = True
    after: str | None = None

    def config(self, parent: Path, seed: int) -> TrainingConfig:
        """The configuration of that seed, where all trainings are in the folder `parent`."""
        networks = self.settings["networks"]
        if self.seeded_weights:
            networks = {
                name: {**net, "net_options": {**net.get("net_options", {}), "seed": seed}}
                for name, net in networks.items()
            }
        start = {"start_from": (parent / folder_name(self.after, seed)).as_posix()} if self.after else {}
        return TrainingConfig(**{**self.settings, **start, "problem": self.problem, "networks": networks, "seed": seed})

    def folder(self, parent: Path, seed: int) -> Path:
        """Where that seed is trained."""
        return parent / folder_name(self.name, seed)


def folder_name(training: str, seed: int) -> str:
    """The name of the folder that a training of that name and seed is in."""
    return f"{training}-{seed}"


def of_folder_name(name: str) -> tuple[str, int] | None:
    """The inverse of `folder_name`: the training's name and the seed, or None where it is no such name."""
    training, _, seed = name.rpartition("-")
    return (training, int(seed)) if seed.isdecimal() and folder_name(training, int(seed)) == name else None


def needed(trainings: Sequence[Training], names: Iterable[str]) -> list[Training]:
    """Those of these names, and before each of them those that it starts from."""
    by_name = {training.name: training for training in trainings}
    found: dict[str, Training] = {}

    def add(name: str) -> None:
        if by_name[name].after:
            add(by_name[name].after)
        found.setdefault(name, by_name[name])

    for name in names:
        add(name)
    return list(found.values())


def unfinished(trainings: Iterable[Training], parent: Path, seeds: Iterable[int]) -> list[tuple[Training, int]]:
    """Those that are not trained to the end yet. Needs no TensorFlow.

    Raises:
      ValueError: a folder holds a run with other settings.
    """
    seeds = list(seeds)
    return [(training, seed) for seed in seeds for training in trainings if not _finished(training, parent, seed)]


def train(training: Training, parent: Path, seed: int, data: dict[str, Any], accept_changes: bool = False) -> None:
    """Trains one seed, from its checkpoint where there is one; `accept_changes` is the meta-training's.

    Raises:
      KeyboardInterrupt: it was interrupted; all is saved, and the same call goes on.
    """
    from l2l_tf.training import progress
    from l2l_tf.training.loop import Training as Run

    config, folder = training.config(parent, seed), training.folder(parent, seed)
    resume = (folder / checkpoint.FILE).exists()
    print(f"{'Resuming' if resume else 'Training'} {training.name}, seed {seed}, in {folder}", flush=True)
    run = Run(config, folder, resume, False, data, {"provenance": provenance(seed)}, accept_changes)
    outcome = progress.follow(run, config.evaluation_period)
    if outcome.reason == "interrupted":
        raise KeyboardInterrupt(f"{folder} is saved after epoch {outcome.epochs}; the same command goes on.")


def shortened(training: Training, problem_options: dict[str, Any]) -> Training:
    """The training in miniature, to see it run."""
    short = {
        **training.settings,
        "problem_options": {**training.settings.get("problem_options", {}), **problem_options},
        "num_epochs": 2,
        "num_steps": 4,
        "num_steps_curriculum": None,
        "unroll_length": 2,
        "optimizees_per_step": 1,
        "evaluation_period": 1,
        "evaluation_epochs": 1,
    }
    return training._replace(settings=short)


def _finished(training: Training, parent: Path, seed: int) -> bool:
    folder, config = training.folder(parent, seed), training.config(parent, seed)
    if not (folder / checkpoint.FILE).exists():
        return False
    _, facts = checkpoint.read(folder)
    checkpoint.check_same_run(config, facts, folder)
    return facts["epoch"] >= config.num_epochs or _out_of_patience(config, facts)


def _out_of_patience(config: TrainingConfig, facts: dict[str, Any]) -> bool:
    return config.patience is not None and facts["validations_since_best"] >= config.patience
