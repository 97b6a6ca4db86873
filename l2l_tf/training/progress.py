"""How a training run is shown: a progress bar, the original code's log lines, and TensorBoard."""

import contextlib
import math
import sys

import tqdm

from l2l_tf.evaluation import report
from l2l_tf.training.events import Epoch, Outcome, Validation
from l2l_tf.training.loop import Training


def follow(training: Training, log_period: int, summary_dir: str | None = None) -> Outcome:
    """Runs `training` to its end and shows how it goes."""
    progress = Progress(training.config.num_epochs, log_period, training.epoch, summary_dir)
    try:
        return training.run(progress)
    finally:
        progress.close()


class Display:
    """A progress bar, lines beside it, and with `summary_dir` scalars for TensorBoard.

    Args:
      total: of what the bar counts.
      unit: one of these.
      begun: how many were done before, where the training is resumed.
      summary_dir: folder for TensorBoard; None writes nothing.
    """

    def __init__(self, total: int, unit: str, begun: int, summary_dir: str | None):
        self._bar = tqdm.tqdm(total=total, initial=begun, unit=unit, dynamic_ncols=True, file=sys.stderr, disable=None)
        self._summaries = _writer(summary_dir) if summary_dir else None

    def close(self) -> None:
        """Ends the bar, and the events of TensorBoard."""
        self._bar.close()
        if self._summaries:
            self._summaries.close()

    def _count(self, loss: float) -> None:
        self._bar.update()
        self._bar.set_postfix(loss=f"{loss:.4g}")

    def _write(self, line: str) -> None:
        # A reader that left, or a full disk under the log, ends no training.
        with contextlib.suppress(OSError):
            self._bar.write(line, file=sys.stdout)

    def _summarise(self, step: int, values: dict[str, float]) -> None:
        if self._summaries is None:
            return
        import tensorflow as tf

        with self._summaries.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)


class Progress(Display):
    """Reports events of a training run on the terminal and, with `summary_dir`, to TensorBoard.

    Args:
      num_epochs: of the whole run.
      log_period: epochs between lines with the mean of the final losses since the last one.
      begun, summary_dir: see `Display`.
    """

    def __init__(self, num_epochs: int, log_period: int, begun: int = 0, summary_dir: str | None = None):
        super().__init__(num_epochs, "epoch", begun, summary_dir)
        self._log_period = log_period
        self._epochs: list[Epoch] = []

    def __call__(self, event: Epoch | Validation) -> None:
        if isinstance(event, Epoch):
            self._epochs.append(event)
            self._count(event.final_loss)
            if event.epoch % self._log_period == 0:
                self._log(event)
            self._summarise(event.epoch, event._asdict())
        else:
            remark = " (best so far)" if event.best else " (back to the best)" if event.rewound else ""
            remark += f" ({event.left_out} draws left out, not finite at theta_0)" if event.left_out else ""
            self._write(f"Epoch {event.epoch} validation: {report.log10_line(event.final_loss)}{remark}")
            self._summarise(event.epoch, {"validation_loss": event.final_loss})

    def _log(self, event: Epoch) -> None:
        losses = [epoch.final_loss for epoch in self._epochs if epoch.counts] or [math.nan]
        seconds = [epoch.seconds for epoch in self._epochs]
        dropped = f", {event.dropped} outer gradients dropped" if event.dropped else ""
        dropped += f", {event.left_out} draws left out (not finite at theta_0)" if event.left_out else ""
        self._write(f"Epoch {event.epoch}")
        self._write(report.log10_line(sum(losses) / len(losses)))
        self._write(f"Mean epoch time: {sum(seconds) / len(seconds):.2f} s{dropped}")
        self._epochs.clear()


def _writer(folder: str):
    """Of TensorBoard's events, to that folder."""
    import tensorflow as tf

    return tf.summary.create_file_writer(folder)
