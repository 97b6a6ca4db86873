"""The experiments of Andrychowicz et al. 2016, a file each, and the table of its claims.

May import: shared.
"""
