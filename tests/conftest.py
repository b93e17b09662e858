"""Setup of numba's cache and of hypothesis, and the browser of tests that need one.

Unless NUMBA_CACHE_DIR is set, each test run compiles the kernels in a directory of its own, which
all pytest-xdist workers of the run share.
"""

import atexit
import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings

# Workers inherit the environment, including this directory, from the process that starts them.
if "PYTEST_XDIST_WORKER" not in os.environ and "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="vmfmix-numba-")
    atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)

# `make fuzz` uses the second profile, with many more examples that are drawn anew each time.
without_deadlines = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("test", max_examples=40, derandomize=True, **without_deadlines)
settings.register_profile("fuzz", max_examples=2000, print_blob=True, **without_deadlines)
settings.load_profile("test")

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window; the test is skipped if it is not installed."""
    webdriver = pytest.importorskip("selenium.webdriver")
    if not BROWSER or not DRIVER:
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for switch in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(DRIVER)
    driver = webdriver.Chrome(options, service)
    yield driver
    driver.quit()
