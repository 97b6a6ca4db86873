"""What holds for every test: nothing reaches beyond this machine."""

import sys

_LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None)


def _refuse_network(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in _LOCAL:
        raise RuntimeError(f"Tests run without network. Received: a connection to {host!r}.")


sys.addaudithook(_refuse_network)
