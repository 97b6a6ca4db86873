"""Where a run stands, by what is in its folder. Needs no TensorFlow."""

import os
from pathlib import Path

from l2l_tf.saving import locks
from l2l_tf.training import checkpoint


def of(folder: str | Path) -> str:
    """A few lines: how far it is, the best validation, how fast it was, what was left out, whether it is at work.

    Raises:
      CheckpointError: there is no whole checkpoint.
    """
    _, facts = checkpoint.read(folder)
    config, status = facts["config"], facts.get("status", {})
    several = "outer_steps" in config
    done, all_of_them = facts["epoch"], config["outer_steps" if several else "num_epochs"]
    unit = "outer steps" if several else "epochs"
    lines = [
        f"{done} of {all_of_them} {unit} ({done / all_of_them:.0%}), {'at work' if _is_at_work(folder) else 'idle'}"
    ]
    if facts.get("best"):
        lines.append(f"best validation {facts['best'][1]:.4g} at {facts['best'][0]}")
    if status:
        left = (all_of_them - done) / max(status["outer_steps_a_second"], 1e-9)
        lines.append(
            f"saved {status['date']}: {status['outer_steps_a_second']:.3g} outer and "
            f"{status['inner_steps_a_second']:.0f} inner steps a second, {status['workers']} workers, "
            f"{left / 3600:.1f} hours left at that"
        )
    names = {
        "dropped_estimates": "gradients dropped",
        "dropped_members": "members dropped",
        "failed_tasks": "tasks failed",
        "stale": "gradients too old",
    }
    if counts := [f"{facts[name]} {what}" for name, what in names.items() if facts.get(name)]:
        lines.append(", ".join(counts))
    return "\n".join(lines)


def _is_at_work(folder: str | Path) -> bool:
    if not os.access(Path(folder), os.W_OK):
        return False
    try:
        with locks.training_in(folder):
            return False
    except locks.LockedError:
        return True
