"""Comparisons: curves of a rule on fresh draws, baselines tuned for the same draws, tables and figures of both.

`evaluator` makes curves, `tuning` and `space_search` search the baselines' hyperparameters (`searches` is what both
share, `tuning_cache` keeps what was found),
`comparison` puts contenders side by side, `report` and `figures` write it down.

May import: pretrained, saving, fast, unrolling, networks, problems. Imported by: training (validations), commands.
"""
