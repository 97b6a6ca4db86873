"""What the experiments are made with: train what is missing, tune the baselines, compare on fresh draws, judge, write.

Imports no experiment.
"""
