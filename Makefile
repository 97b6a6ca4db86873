# `make demo` trains an optimizer and races it; `make test` runs the tests; `make docs` builds the site. All install what
# they need into .venv.

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
DOCS_INSTALLED := $(VENV)/.docs-installed

# The main job: meta-train on random quadratics, then race the result against tuned baselines on fresh ones.
# QUICK=1 runs the same commands in a few seconds, on too little training to win.
QUICK ?=
TRAIN := train.py --problem=quadratic --save_path=demo/quadratic --overwrite $(if $(QUICK),--num_epochs=4)
EVALUATE := evaluate.py --path=demo/quadratic --optimizer=L2L,Adam,RMSprop,SGD,NAG --tune --output=demo/results \
	--plot=demo/curves.png $(if $(QUICK),--num_epochs=2 --tuning_epochs=1)

export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test lint bench docs clean

demo: $(INSTALLED)
	$(VENV)/bin/python $(TRAIN)
	$(VENV)/bin/python $(EVALUATE)

# Processes side by side fill the cores: TensorFlow's own threads, in each, would wait for one another. `TEST_THREADS=`
# leaves them as they are, as CI does.
TEST_THREADS ?= 1
test: $(INSTALLED)
	$(if $(TEST_THREADS),TF_NUM_INTEROP_THREADS=$(TEST_THREADS) TF_NUM_INTRAOP_THREADS=$(TEST_THREADS)) \
		$(VENV)/bin/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(INSTALLED)
	$(VENV)/bin/python -m benchmarks

# Into build/docs/html; its notebooks run, and every warning fails the build. Pages that did not change are not built again.
docs: $(DOCS_INSTALLED)
	$(VENV)/bin/python -m sphinx --builder=html --jobs=2 --fail-on-warning --keep-going --quiet \
		--doctree-dir=build/docs/doctrees docs build/docs/html
	@echo "Open build/docs/html/index.html"

clean:  # all but .venv
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache demo runs

# Installed once, and again when the requirements change.
$(INSTALLED): requirements.txt pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --editable '.[dev]'
	$(VENV)/bin/python -c 'from l2l_tf.fast import native; native.operations()'  # compiles where there is a compiler
	touch $@

$(DOCS_INSTALLED): $(INSTALLED)
	$(VENV)/bin/python -m pip install --editable '.[docs]'
	touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "l2l_tf needs Python 3.11 to 3.13. Received: $(PYTHON), which is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
