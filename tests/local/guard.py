"""Runs one command, and ends its whole process group when this script's standard input closes.

`tests.local.processes.serve` holds the other end of that pipe and writes nothing to it. However
the tests end, even by SIGKILL, the kernel closes the pipe, so no server outlives them. Unlike
Linux's parent-death signal this also reaches a server started by a wrapper, holds when the thread
that started it ends, survives a change of user, and works on macOS.

Usage: `python guard.py SECONDS COMMAND…` as the leader of a process group of its own. SECONDS is
how long the command may take to end after TERM before it gets KILL.
"""

import os
import signal
import subprocess
import sys
import threading
import time


def _end_group_when_input_closes(seconds: float) -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM)
    time.sleep(seconds)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    # A handler and not SIG_IGN, which the command would inherit.
    signal.signal(signal.SIGTERM, lambda *_: None)
    command = sys.argv[2:]
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.exit(f"cannot start {command[0]}: {error}")
    threading.Thread(
        target=_end_group_when_input_closes, args=(float(sys.argv[1]),), daemon=True
    ).start()
    status = child.wait()
    sys.stderr.write(f"{command[0]} ended with status {status}\n")
    sys.stderr.flush()
    # The command may have been a wrapper whose server is still there.
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
