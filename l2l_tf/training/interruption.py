"""Ctrl-C, SIGTERM and a terminal that goes away as a request that a loop grants when its state is whole."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """Yields a function that tells whether an interrupt came; a second interrupt stops at once.

    Outside the main thread, where Python allows no handlers, interrupts stay as they are.
    """
    requested = threading.Event()

    def handler(number, frame):
        if requested.is_set():
            raise KeyboardInterrupt
        requested.set()

    if threading.current_thread() is not threading.main_thread():
        yield requested.is_set
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # As nohup sets it: then a terminal is not missed.
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield requested.is_set
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
