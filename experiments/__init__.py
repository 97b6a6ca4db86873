"""Experiments with learned optimizers: `python -m experiments` lists those of the 2016 paper."""
