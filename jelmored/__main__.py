"""`python -m jelmored` is `jelmored`."""

import sys

from jelmored.cli import main

if __name__ == "__main__":
    sys.exit(main())
