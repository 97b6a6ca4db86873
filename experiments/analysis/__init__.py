"""How learned optimizers and their training work: sizes of updates, training aids, outer gradients.

May import: paper (its problems and settings), shared.
"""
