"""Ordinary Keras models that judge an update rule: is it as good, untuned, as Adam that somebody tuned?

`python -m benchmarks.keras_zoo --rules mnist_adafactor mnist --output FOLDER` runs rules and hand-designed optimizers
on every model and writes the table. A model is a `Task` (`task.py`) in `models/`; `racer.py` trains it,
`contenders.py` has the optimizers, `records.py` keeps what has been run, and `judgement.py` and `table.py` make the
figures.
"""
