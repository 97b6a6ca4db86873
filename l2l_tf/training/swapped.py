"""Variables that hold other values for a while."""


class Swapped:
    """Variables that hold other values for the time of a `with` block."""

    def __init__(self, variables, values):
        self._variables = variables
        self._values = values

    def __enter__(self):
        self._kept = [variable.numpy() for variable in self._variables]
        for variable, value in zip(self._variables, self._values):
            variable.assign(value)

    def __exit__(self, *exception):
        for variable, value in zip(self._variables, self._kept):
            variable.assign(value)
