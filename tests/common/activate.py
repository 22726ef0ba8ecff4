"""Opens sockets as systemd's socket units do, and becomes the program that they are for.

    activate.py NAME=ADDRESS... -- PROGRAM ARGUMENT...

An ADDRESS is HOST:PORT or /PATH; with --stranger the sockets are said to be for another process.
"""

import os
import socket
import sys

end = sys.argv.index("--")
wanted = [argument for argument in sys.argv[1:end] if argument != "--stranger"]
names = []
kept = []
for number, argument in enumerate(wanted):
    name, address = argument.split("=", 1)
    if address.startswith("/"):
        opened = socket.socket(socket.AF_UNIX)
        opened.bind(address)
    else:
        host, port = address.rsplit(":", 1)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = socket.socket(family)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host.strip("[]"), int(port)))
    opened.listen(128)
    # Out of the way of the numbers that the protocol begins with.
    kept.append(os.dup2(opened.fileno(), 100 + number))
    names.append(name)
for number, descriptor in enumerate(kept):
    os.dup2(descriptor, 3 + number)
pid = 1 if "--stranger" in sys.argv[1:end] else os.getpid()
os.environ.update(LISTEN_PID=str(pid), LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=":".join(names))
os.execvp(sys.argv[end + 1], sys.argv[end + 1 :])
