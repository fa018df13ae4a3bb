"""`python -m jelmored` is `jelmored`."""

import sys
from typing import NoReturn

from jelmored.cli import main


def program() -> NoReturn:
    """Run the command and leave by its exit code."""
    sys.exit(main())


if __name__ == "__main__":
    program()
