"""`python -m vmfmix` is the command `vmfmix`."""

import sys

from vmfmix.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
