"""The hand-designed optimizers by the names that papers give them. Needs no TensorFlow."""

NETWORKS = {"SGD": "Sgd", "Momentum": "Momentum", "NAG": "Nesterov", "RMSprop": "RMSProp", "Adam": "Adam"}
