"""The small training that the tests of the meta-training loop are made from."""

from l2l_tf.training.config import TrainingConfig

CONFIG = TrainingConfig(
    problem="quadratic",
    problem_options={"batch_size": 2, "num_dims": 3},
    networks={"cw": {"net": "CoordinateWiseDeepLSTM", "net_options": {"layers": [4], "scale": 0.1}}},
    num_epochs=4,
    num_steps=6,
    unroll_length=3,
    learning_rate=0.01,
    average_decay=0.5,
    evaluation_period=2,
    evaluation_epochs=3,
)
