"""`python -m jelmored` is `jelmored`."""

import sys
from typing import NoReturn

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the current directory: what lies there is no library of ours


def program() -> NoReturn:
    """Run the command and leave by its exit code."""
    from jelmored.cli import main

    sys.exit(main())


if __name__ == "__main__":
    program()
