"""`python -m l2l_tf.report`: prints what the report of a fault needs. See `commands.environment`."""

from l2l_tf.commands import environment

if __name__ == "__main__":
    environment.run()
