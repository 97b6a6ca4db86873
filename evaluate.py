"""Compares optimizers on fresh draws of a problem: `l2l-evaluate`, from a checkout."""

from l2l_tf.commands import evaluate

if __name__ == "__main__":
    evaluate.run()
