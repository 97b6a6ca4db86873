"""Meta-training: `MetaOptimizer` in Python, and the loop with validations, checkpoints and curricula behind train.py.

`meta` is `MetaOptimizer`, `step` a step on phi, `loop` many of them, `config` what a training is told, `checkpoint` how
it goes on after a kill, `curriculum` and `unroll_schedule` how its unrolls grow, `outer_optimizer` what steps phi,
`progress` what a person sees, `learning_rate_search` trainings side by side.

May import: evaluation, estimators, pretrained, saving, fast, unrolling, networks, problems. Imported by: commands.
"""
