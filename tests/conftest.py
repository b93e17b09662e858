"""A fresh numba cache for each test run, shared by the run's pytest-xdist workers; and how many
examples hypothesis tries.
"""

import atexit
import os
import shutil
import tempfile

from hypothesis import HealthCheck, settings

# Workers inherit the environment of the process that starts them, and with it the directory.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="vmfmix-numba-")
    atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)

# `make fuzz` takes the second: other examples each time, and many more.
unhurried = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("test", max_examples=40, derandomize=True, **unhurried)
settings.register_profile("fuzz", max_examples=2000, print_blob=True, **unhurried)
settings.load_profile("test")
