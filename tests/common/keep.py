"""Keeps a listening socket open over restarts of a daemon, as systemd's socket units do.

    keep.py HOST:PORT -- PROGRAM ARGUMENT...

SIGUSR1 ends the daemon by SIGTERM and starts the next one when it has ended; SIGTERM ends both.
"""

import os
import signal
import socket
import sys

end = sys.argv.index("--")
host, port = sys.argv[1].rsplit(":", 1)
program = sys.argv[end + 1 :]

kept = socket.socket()
kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
kept.bind((host, int(port)))
kept.listen(4096)


def start():
    child = os.fork()
    if child:
        return child
    os.dup2(kept.fileno(), 3)
    # Where it was 3 already.
    os.set_inheritable(3, True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1, signal.SIGTERM])
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="chatd.socket")
    os.execvp(program[0], program)


# Waited for one after the other, so that none comes between a daemon's end and the next one's start.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD])
daemon = start()
restarting = False
while True:
    came = signal.sigwait([signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD])
    if came == signal.SIGCHLD:
        ended, status = os.waitpid(daemon, os.WNOHANG)
        if not ended:
            continue
        if not restarting:
            sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
        restarting = False
        daemon = start()
    else:
        restarting = came == signal.SIGUSR1
        os.kill(daemon, signal.SIGTERM)
