"""Run the command `vmfmix` by ``python -m vmfmix``."""

import sys

from vmfmix.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
