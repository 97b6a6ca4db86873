"""The same meta-training step in PyTorch and in JAX, written for each as its users would to make it fast."""
