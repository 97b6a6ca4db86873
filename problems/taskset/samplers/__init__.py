"""The distributions of the families' configurations. Needs no TensorFlow."""
