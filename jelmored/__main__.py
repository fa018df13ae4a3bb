"""`python -m jelmored` is `jelmored`."""

import sys
from typing import NoReturn

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the current directory: what lies there is no library of ours


def program() -> NoReturn:
    """Run the command and leave by its exit code."""
    from jelmored.cli import main
    from jelmored.service import streams

    streams.complete()
    try:
        sys.exit(main())
    finally:
        streams.settle()


if __name__ == "__main__":
    program()
