"""The commands: `l2l-train` and `l2l-evaluate` (train.py and evaluate.py in a checkout), and what all commands share.

May import: deployment, training, evaluation, estimators, pretrained, saving, fast, unrolling, networks, problems.
Imported by: train.py, evaluate.py, experiments.
"""
