"""Description of the machine and the software versions, for the results files."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info


def describe(*packages):
    """Return versions of Python and packages, the processor, and the threads of NumPy's BLAS."""
    import numpy  # loads its BLAS, so that threadpool_info finds it

    assert numpy
    return {
        "python": platform.python_version(),
        **{package: _version(package) for package in ("numpy", "scipy", *packages)},
        "system": platform.system(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": max((lib["num_threads"] for lib in threadpool_info()), default=1),
        "blas_kernels": _blas_kernels(threadpool_info()),
    }


def _blas_kernels(libraries):
    """Return the kernels of NumPy's BLAS; SciPy and faiss may have loaded others of their own."""
    blas = [each for each in libraries if each["user_api"] == "blas"]
    blas.sort(key=lambda each: "numpy" not in each["filepath"])
    return blas[0].get("architecture", "") if blas else ""


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu():
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if "model name" in line:
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
