"""A fresh numba cache for each test run, shared by the run's pytest-xdist workers."""

import atexit
import os
import shutil
import tempfile

# Workers inherit the environment of the process that starts them, and with it the directory.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="vmfmix-numba-")
    atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)
