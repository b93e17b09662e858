"""Run the command `vmfmix` with ``python -m vmfmix``."""

import sys

from vmfmix.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
