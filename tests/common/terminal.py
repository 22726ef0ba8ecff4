"""Runs a command on a terminal of 120 columns and 30 lines; what is written to it is typed, what it shows comes out."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios

pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = os.environ.get("TEST_TERM", "xterm")
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
typing = [0]
while True:
    for ready in select.select([terminal, *typing], [], [])[0]:
        try:
            data = os.read(ready, 65536)
        except OSError:
            data = b""
        if ready == terminal:
            if not data:
                sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            os.write(1, data)
        elif data:
            os.write(terminal, data)
        else:
            typing = []
