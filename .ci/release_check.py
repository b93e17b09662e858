"""Check that a release can be published; `make release-check` runs this.

Version, changelog and citation must agree. Wheel and sdist are built twice, compared, and checked
by twine. The wheel is then installed into a clean environment of every Python that is found, with
the newest and, for the oldest Python, with the lowest versions of its dependencies, and tested
there. The folder ``dist`` receives wheel, sdist and the dependencies with their licenses (SBOM).
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
TEST_PACKAGES = ("pytest", "hypothesis", "pandas")
FAST = "not (slow or training or kill or browser or damage)"


def run(*command, **options):
    """Run a command, and end with its output if it fails."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nThis failed: {' '.join(map(str, command))}")
    return done.stdout


def project():
    """Return the table of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def check_version():
    """Return the version; end if it is not the same everywhere, or is no release."""
    version = re.search(
        '__version__ = "(.*)"', (ROOT / "vmfmix/_version.py").read_text(encoding="utf-8")
    )[1]
    problems = []
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        problems.append(f"vmfmix/_version.py has {version}, which is no release such as 0.1.0.")
    if f"\nversion: {version}\n" not in (ROOT / "CITATION.cff").read_text(encoding="utf-8"):
        problems.append(f"CITATION.cff does not have the version {version}.")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        problems.append(f"CHANGELOG.md has no heading '## {version} - YYYY-MM-DD'.")
    if run("git", "status", "--porcelain", cwd=ROOT):
        problems.append("There are changes that are not committed.")
    if problems:
        sys.exit("\n".join(problems))
    return version


def build():
    """Build wheel and sdist twice, and return the path of the wheel; end if the two differ."""
    date = run("git", "log", "-1", "--format=%ct", cwd=ROOT).strip()
    digests = []
    with tempfile.TemporaryDirectory() as other:
        shutil.rmtree(DIST, ignore_errors=True)
        for folder in (DIST, Path(other)):
            environment = {**os.environ, "SOURCE_DATE_EPOCH": date}
            run(sys.executable, "-m", "build", "--outdir", folder, ROOT, env=environment)
            digests.append({path.name: digest(path) for path in folder.iterdir()})
    if digests[0] != digests[1]:
        sys.exit(f"Two builds of the same commit differ: {digests}.")
    run(sys.executable, "-m", "twine", "check", "--strict", *DIST.iterdir())
    return next(DIST.glob("*.whl"))


def digest(path):
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def interpreters():
    """Return {version: path} of the Pythons that are found and run."""
    found = {version: shutil.which(f"python{version}") for version in PYTHONS}
    return {
        version: path
        for version, path in found.items()
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0
    }


def lowest_versions():
    """Return the lowest versions of the dependencies as constraints of pip."""
    bounds = [re.match(r"([\w-]+)>=([\d.]+)", each) for each in project()["dependencies"]]
    return "\n".join(f"{bound[1]}=={bound[2]}" for bound in bounds)


def check_install(python, wheel, tests, constraints=""):
    """Install the wheel into a new environment, and run the demo and the fast tests there."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        run(python, "-m", "venv", folder / "venv")
        binaries = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        (folder / "constraints.txt").write_text(constraints, encoding="utf-8")
        pip = binaries / "python", "-m", "pip", "install", "-q", "-c", folder / "constraints.txt"
        run(*pip, wheel)
        if not constraints:
            sbom(binaries / "python")
        shutil.copytree(ROOT / "examples", folder / "examples")
        run(binaries / "python", "examples/demo.py", cwd=folder)
        if tests:
            run(*pip, *TEST_PACKAGES)
            for name in ("tests", "benchmarks", "docs", "examples"):
                shutil.copytree(ROOT / name, folder / "check" / name, dirs_exist_ok=True)
            for name in (
                "pyproject.toml",
                "README.md",
                "CHANGELOG.md",
                "CONTRIBUTING.md",
                "Makefile",
            ):
                shutil.copy(ROOT / name, folder / "check" / name)
            test = binaries / "python", "-m", "pytest", "-q", "tests", "-m", FAST
            run(*test, "--ignore=tests/project", cwd=folder / "check")


def sbom(python):
    """Write the list of the installed packages with their licenses."""
    run(sys.executable, "-m", "cyclonedx_py", "environment", python, "-o", DIST / "sbom.json")


def main():
    """Run all checks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--no-tests", action="store_true", help="run the demo alone in each environment"
    )
    options = parser.parse_args()
    version = check_version()
    print(f"Version, changelog and citation agree: {version}", flush=True)
    wheel = build()
    print(
        f"Two builds are identical: {', '.join(path.name for path in DIST.iterdir())}", flush=True
    )
    found = interpreters()
    for name, python in found.items():
        check_install(python, wheel, not options.no_tests)
        print(f"Python {name}, newest dependencies: passed", flush=True)
    oldest = next(iter(found))
    check_install(found[oldest], wheel, not options.no_tests, lowest_versions())
    print(f"Python {oldest}, lowest dependencies: passed", flush=True)
    if missing := [name for name in PYTHONS if name not in found]:
        print(f"Not found, so not tested: Python {', '.join(missing)}")
    print(f"{DIST} has what is to be published, and sbom.json")


if __name__ == "__main__":
    main()
