"""What the talk of 2019 and later papers ask: long runs, other objectives, other outer gradients.

May import: paper (its problems and settings), shared.
"""
