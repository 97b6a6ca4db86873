"""What AdafactorMLP sees of a coordinate: Adafactor's row and column means beside the moments."""

from dataclasses import dataclass

import tensorflow as tf

from l2l_tf.networks import coordinate_features
from l2l_tf.networks.coordinate_features import Slots, Tensors, averages, inverse_root


@dataclass(frozen=True)
class AdafactorFeatures:
    """The gradient g, the parameter, momenta m, a second moment v, and factored second moments A.

    Over the last two axes of a tensor, for the row i and the column j of an entry, and for every decay b of the
    momenta:

        R_i' = b R_i + (1 - b) mean_j g_ij^2;    C_j' = b C_j + (1 - b) mean_i g_ij^2
        A_ij = R_i' C_j' / mean_i R_i'

    A tensor of less than two axes has its second moment of decay b in place of all three. With r(x) = 1 / sqrt(x +
    1e-4 mean x), the 4 + 8 K features are g, theta, the root of v, r(v), and for every decay m, m r(v), g r(A), the
    roots of R and C, r(R), r(C) and m r(A).

    Metz et al. 2022, "Practical tradeoffs between memory, compute, and performance in learned optimizers"; Shazeer and
    Stern 2018, "Adafactor". Both take a tensor's two longest axes: here they are the last two whatever the extents, so
    that a tensor of many functions, or of another width, is seen alike.
    """

    decays: tuple[float, ...]
    second_moment_decay: float

    num_common, num_of_decay, num_common_means = 4, 8, 1

    @property
    def num_features(self) -> int:
        return self.num_common + self.num_of_decay * len(self.decays)

    @property
    def epsilons(self) -> tuple[float, ...]:
        gradient, unit = coordinate_features.GRADIENT_EPSILON, coordinate_features.UNIT_EPSILON
        of_decay = (gradient, unit, unit, gradient, gradient, gradient, gradient, unit)
        common = (gradient, coordinate_features.PARAMETER_EPSILON, gradient, gradient)
        return (*common, *of_decay * len(self.decays))

    @property
    def start(self) -> int:
        return 4 + 8 * coordinate_features.nearest(self.decays) + 1

    def slots(self, shape: tuple[int, ...]) -> dict[str, tuple[tuple[int, ...], ...]]:
        count = len(self.decays)
        slots = {"first_moments": (shape,) * count, "second_moments": (shape,)}
        if len(shape) < 2:
            return {**slots, "full": (shape,) * count}
        return {**slots, "rows": (shape[:-1],) * count, "columns": ((*shape[:-2], shape[-1]),) * count}

    def advance(self, gradient: tf.Tensor, slots: Slots) -> tuple[Slots, Tensors]:
        squares = tf.square(gradient)
        next_slots = {
            "first_moments": averages(slots["first_moments"], gradient, self.decays),
            "second_moments": averages(slots["second_moments"], squares, (self.second_moment_decay,)),
        }
        if "full" in slots:
            next_slots["full"] = averages(slots["full"], squares, self.decays)
            return next_slots, ()
        next_slots["rows"] = averages(slots["rows"], tf.reduce_mean(squares, axis=-1), self.decays)
        next_slots["columns"] = averages(slots["columns"], tf.reduce_mean(squares, axis=-2), self.decays)
        made: Tensors = ()
        for row, column in zip(next_slots["rows"], next_slots["columns"]):
            row, column = row[..., None], column[..., None, :]
            mean_of_rows = tf.reduce_mean(row, axis=-2, keepdims=True)
            made += (row, column, row * column / (mean_of_rows + coordinate_features.GRADIENT_EPSILON))
        return next_slots, made

    def seconds(self, slots: Slots, made: Tensors) -> Tensors:
        """Of every coordinate, then R, C and A of every decay."""
        return (*slots["second_moments"], *(made or (full for full in slots["full"] for _ in "RCA")))

    def features(self, views, means) -> list[tf.Tensor]:
        count = len(self.decays)
        gradient, parameter, *first = views[: 2 + count]
        second, *seconds = views[2 + count :]
        inverse, *inverses = [inverse_root(x, average) for x, average in zip((second, *seconds), means)]
        features = [gradient, parameter, second * inverse, inverse]
        for k, m in enumerate(first):
            row, column, _ = seconds[3 * k : 3 * k + 3]
            of_row, of_column, of_both = inverses[3 * k : 3 * k + 3]
            features += [m, m * inverse, gradient * of_both, row * of_row, column * of_column, of_row, of_column]
            features.append(m * of_both)
        return features
