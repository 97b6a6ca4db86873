"""Workers against one process, with Ray, processes and kill -9: `python -m benchmarks.workers --help`."""
