"""Experiments with learned optimizers; `python -m experiments` lists them.

`paper/` is Andrychowicz et al. 2016, `talk/` what the field has asked since (Metz 2019 and later), `analysis/` looks at
how rules and their training work, `shared/` is what they are made with.
"""
