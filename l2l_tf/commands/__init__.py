"""The commands: l2l-train, l2l-evaluate (train.py, evaluate.py in a checkout), `python -m l2l_tf.report`.

May import: deployment, training, evaluation, estimators, pretrained, saving, fast, unrolling, networks, problems.
Imported by: train.py, evaluate.py, experiments, the door `l2l_tf/report.py`.
"""
