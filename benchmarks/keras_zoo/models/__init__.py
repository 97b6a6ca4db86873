"""The models of the zoo by kind, a dictionary `TASKS` in each file. `catalogue.py` has them all."""
