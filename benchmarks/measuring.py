"""Seconds and peak memory of a call."""

import ctypes
import gc
import platform
import time

from benchmarks.fresh_processes import peak_bytes, reset_peak, resident_bytes

REST = 0.2  # seconds between methods: BLAS threads keep spinning for a while and would interfere
WARM_UP_ROWS = (600, 4200)  # UMAP searches for neighbors in another way from 4096 rows on


def measure(call, *arguments):
    """Return the result of a call, its seconds, and its peak memory above that before in bytes."""
    release_memory()
    time.sleep(REST)
    reset_peak()
    before = resident_bytes()
    start = time.perf_counter()
    result = call(*arguments)
    seconds = time.perf_counter() - start
    return result, seconds, peak_bytes() - before


def release_memory():
    """Return unused memory to the system, as its reuse would not be counted."""
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
