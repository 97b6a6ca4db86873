"""What a slot gives to an outer step. Needs no TensorFlow."""

import traceback
from typing import NamedTuple

import numpy as np

from l2l_tf.training.slots import Place


class Estimate(NamedTuple):
    """What a slot gave to an outer step.

    Attributes:
      gradient: of the meta-loss for phi, all of phi's variables one after the other, `[P]`.
      meta_loss: at phi.
      final_loss: f at the last theta.
      dropped: members of the estimate that were left out, as they were not finite.
      traced: whether its program was made for it.
      error: in one line, where its task failed.
    """

    gradient: np.ndarray
    meta_loss: float
    final_loss: float
    dropped: int
    traced: bool = False
    error: str = ""

    @property
    def finite(self) -> bool:
        """Whether all of the gradient is; it counts if so."""
        return bool(np.isfinite(self.gradient).all())

    def times(self, weight: float) -> "Estimate":
        """The same of `weight` times the meta-loss, as far as phi is concerned: the losses stay as they are."""
        return self if weight == 1 else self._replace(gradient=self.gradient * self.gradient.dtype.type(weight))


class Given(NamedTuple):
    """What a slot gave to an outer step.

    Attributes:
      place: where it stood.
      estimate: what it gave.
      age: updates of phi since the phi that it is of.
    """

    place: Place
    estimate: Estimate
    age: int = 0


def described(error: BaseException) -> str:
    """An error in one line."""
    return " ".join("".join(traceback.format_exception_only(error)).split())[:500]
