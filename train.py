"""Trains an optimizer on a problem: `l2l-train`, from a checkout."""

from l2l_tf.commands import train

if __name__ == "__main__":
    train.run()
