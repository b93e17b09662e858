"""Set up numba's cache and hypothesis.

Each test run compiles the kernels in a directory of its own, which its pytest-xdist workers share,
unless NUMBA_CACHE_DIR is set.
"""

import atexit
import os
import shutil
import tempfile

from hypothesis import HealthCheck, settings

# Workers inherit the environment, and with it the directory, from the process that starts them.
if "PYTEST_XDIST_WORKER" not in os.environ and "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="vmfmix-numba-")
    atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)

# `make fuzz` uses the second profile: random examples, and many more of them.
unhurried = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("test", max_examples=40, derandomize=True, **unhurried)
settings.register_profile("fuzz", max_examples=2000, print_blob=True, **unhurried)
settings.load_profile("test")
