"""`python -m jelmored` is `jelmored`."""

import signal
import sys
from typing import NoReturn

from jelmored.cli import main


def program() -> NoReturn:
    """Run the command and leave by its exit code. Python takes its time for that, and no signal may change the code."""
    status = main()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(status)


if __name__ == "__main__":
    program()
