"""Ray, as workers need it: imported, connected to, and asked whether it is still there."""

import logging
import os
import threading
from typing import Any

from l2l_tf.training.workers import Workers

_ANSWER_SECONDS = 20.0  # In which Ray says which nodes there are.


class RayLostError(ValueError):
    """Ray has died under the driver; what was saved is kept."""


def imported() -> Any:
    """Ray.

    Raises:
      ValueError: it is not installed.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ValueError('--workers needs Ray: pip install "l2l_tf[cluster]". Without it, --workers=0.') from error
    return ray


def connect(ray: Any, workers: Workers) -> None:
    """Starts Ray here, or goes to a cluster.

    Raises:
      ValueError: it does not start, or there is no such cluster.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray warns of it.
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if workers.cluster is None:
        try:
            ray.init(num_cpus=workers.processes, include_dashboard=False, **options)
        except Exception as error:  # Of no kind of its own where the machine is too busy.
            raise ValueError(f"Ray does not start on this machine: {error}") from error
        return
    try:
        ray.init(address=workers.cluster, **options)
    except (ConnectionError, ValueError) as error:
        raise ValueError(f"There is no Ray cluster at --cluster={workers.cluster}: {error}") from error


def check_alive(ray: Any, seconds: float = _ANSWER_SECONDS) -> None:
    """Asks Ray whether the node of this process is alive. Ray itself waits for ever where it is not.

    Raises:
      RayLostError: it is not, or nothing answers in time.
    """
    answers: list[str] = []

    def ask() -> None:
        try:
            here = ray.get_runtime_context().get_node_id()
            alive = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
            answers.append("" if here in alive else "Ray's process on this machine (raylet) has died")
        except Exception as error:  # Of whatever kind: Ray is asked no more.
            answers.append(f"Ray does not say which nodes there are ({type(error).__name__})")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    why = answers[0] if answers else f"Ray has not answered for {seconds:g} s"
    if why:
        raise RayLostError(f"{why}, so that no worker can be reached. Start it anew, and go on with --resume.")
