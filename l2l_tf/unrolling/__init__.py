"""The heart: problem and network meet in a run, which is rolled out and replayed for the gradient of phi.

`unroll` rolls out and replays, `run` is an optimization in progress, `optimizee` a problem's losses and gradients at a
point of it, `objectives` and `trajectory_weights` what is minimised, `coordinates` and `assignments` which network owns
which parameter, `fitting` what a network takes from its problem, `seeds` where randomness comes from.

May import: networks, problems. Imported by: fast, estimators, saving, pretrained, evaluation, training, deployment,
commands.
"""
