"""Check that a release can be published; `make release-check` runs this.

Version, changelog and citation must agree. Wheel and sdist are built twice, compared, checked by
twine, and must contain the committed files. The wheel is then installed into a clean environment of
every Python that is found, with the newest and, for the oldest Python, with the lowest versions of
its dependencies, and tested there with the optional features. The extras ``torch`` and ``deep`` are
tested where pip finds a build of torch for CPUs, so that nothing downloads CUDA. The folder
``dist`` receives wheel, sdist and the dependencies with their licenses (SBOM).
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
WITH_TORCH = ("torch", "deep")
TEST_PACKAGES = ("pytest", "hypothesis", "pandas")
SBOM = "sbom.json"
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
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    if f"\nversion: {version}\n" not in citation:
        problems.append(f"CITATION.cff does not have the version {version}.")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^## {re.escape(version)} - (\d{{4}}-\d\d-\d\d)$"
    dated = re.search(heading, changelog, re.MULTILINE)
    if dated is None:
        problems.append(f"CHANGELOG.md has no heading '## {version} - YYYY-MM-DD'.")
    elif f"\ndate-released: {dated[1]}\n" not in citation:
        problems.append(f"CITATION.cff does not have the date of CHANGELOG.md, {dated[1]}.")
    page = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    if others := set(re.findall(r"vmfmix-([\w.]+)-py3", page)) - {version}:
        problems.append(f"docs/install.md has a wheel of the version {', '.join(others)}.")
    if run("git", "status", "--porcelain", cwd=ROOT):
        problems.append("There are changes that are not committed.")
    if problems:
        sys.exit("\n".join(problems))
    return version


def build():
    """Build wheel and sdist twice, and return their paths; end if the two builds differ."""
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
    return next(DIST.glob("*.whl")), next(DIST.glob("*.tar.gz"))


def digest(path):
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_contents(wheel, sdist):
    """End if the wheel lacks a file of the package, the sdist one to build from, or has others."""
    committed = run("git", "ls-files", cwd=ROOT).splitlines()
    package = {name for name in committed if name.startswith("vmfmix/")}
    source = {name for name in committed if not name.startswith((".ci/", ".github/"))}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    compare_names(wheel, names, package)
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    compare_names(sdist, names - {"PKG-INFO"}, source)


def compare_names(archive, names, expected):
    """End if an archive has other files than expected."""
    if names != expected:
        sys.exit(
            f"{archive.name} lacks {sorted(expected - names)}, and should not have "
            f"{sorted(names - expected)}."
        )


def interpreters():
    """Return {version: path} of the Pythons that are found and run."""
    found = {version: shutil.which(f"python{version}") for version in PYTHONS}
    return {
        version: path
        for version, path in found.items()
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0
    }


def optional_features():
    """Return the extras that are tested everywhere, and those that are tested where torch is."""
    extras = project()["optional-dependencies"]
    names = re.search(r"\[(.*)\]", extras["all"][0])[1].split(",")
    return [name for name in names if name not in WITH_TORCH], names


def lowest_versions():
    """Return the lowest versions of the dependencies, also of the extras, as constraints of pip.

    That of torch is left out: its builds for CPUs are not on PyPI.
    """
    table = project()
    extras = table["optional-dependencies"]
    needed = table["dependencies"] + extras["test"]
    needed += [each for name in optional_features()[1] for each in extras[name]]
    bounds = [re.match(r"([\w-]+)(?:\[.*\])?>=([\d.]+)", each) for each in needed]
    lowest = {bound[1]: bound[2] for bound in bounds if bound}
    del lowest["torch"]
    return [f"{name}=={version}" for name, version in lowest.items()]


def cpu_torch(pip):
    """Return torch for CPUs in the version of constraints.txt, or None if pip does not find it."""
    pinned = re.search("^torch==.*$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    build = f"{pinned[0]}+cpu"
    command = [str(part) for part in (*pip, "--dry-run", "--no-deps", build)]
    done = subprocess.run(command, capture_output=True, text=True)
    # The second is said if other constraints, such as those in PIP_CONSTRAINT, name a file.
    not_found = "No matching distribution", "ResolutionImpossible"
    if done.returncode and not any(each in done.stderr for each in not_found):
        sys.exit(f"{done.stderr}\nThis failed: {' '.join(command)}")
    return None if done.returncode else build


def check_install(python, wheel, tests, lowest=False):
    """Install the wheel into a new environment, run the demo and the fast tests there.

    Returns what was tested, for the output.
    """
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        run(python, "-m", "venv", "--without-pip", folder / "venv")
        python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        constraints = folder / "constraints.txt"
        constraints.write_text("\n".join(lowest_versions()) if lowest else "", encoding="utf-8")
        pip = sys.executable, "-m", "pip", "--python", python, "install", "-q", "-c", constraints
        run(*pip, wheel)
        if not (DIST / SBOM).exists():
            write_sbom(python, wheel.name.split("-")[1])
        shutil.copytree(ROOT / "examples", folder / "examples")
        run(python, "examples/demo.py", cwd=folder)
        if not tests:
            return "the demo passed"
        torch = cpu_torch(pip)
        extras = ",".join(optional_features()[1 if torch else 0])
        run(*pip, f"{wheel}[{extras}]", *TEST_PACKAGES, *([torch] if torch else []))
        passed = run_tests(python, folder / "check")
        without = "" if torch else ", without torch and deep: pip finds no build of torch for CPUs"
        return f"{passed} with the extras {extras}{without}"


def run_tests(python, folder):
    """Run the fast tests in a folder without the package; return the last line of pytest."""
    for name in ("tests", "benchmarks", "docs", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile"):
        shutil.copy(ROOT / name, folder / name)
    test = python, "-m", "pytest", "-q", "tests", "-m", FAST, "--ignore=tests/project"
    return run(*test, cwd=folder).splitlines()[-1]


def write_sbom(python, version):
    """Write the list of the installed packages; end if the license of one is unknown."""
    options = (
        *("--pyproject", ROOT / "pyproject.toml"),
        *("--mc-type", "library", "--output-reproducible"),
    )
    run(sys.executable, "-m", "cyclonedx_py", "environment", python, *options, "-o", DIST / SBOM)
    contents = json.loads((DIST / SBOM).read_text(encoding="utf-8"))
    # The version is dynamic in pyproject.toml, so cyclonedx_py leaves it out.
    contents["metadata"]["component"]["version"] = version
    (DIST / SBOM).write_text(json.dumps(contents, indent=2) + "\n", encoding="utf-8")
    found = contents["components"]
    if unknown := [each["name"] for each in found if not each.get("licenses")]:
        sys.exit(f"{SBOM} lacks the licenses of {', '.join(unknown)}.")


def main():
    """Run all checks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--no-tests", action="store_true", help="run the demo alone in each environment"
    )
    options = parser.parse_args()
    version = check_version()
    print(f"Version, changelog and citation agree: {version}", flush=True)
    wheel, sdist = build()
    check_contents(wheel, sdist)
    print(f"Two builds are identical and complete: {wheel.name}, {sdist.name}", flush=True)
    found = interpreters()
    if missing := [name for name in PYTHONS if name not in found]:
        print(f"Not found, so not tested: Python {', '.join(missing)}", flush=True)
    environments = [(name, "newest") for name in found] + [(next(iter(found)), "lowest")]
    failures = []
    for name, dependencies in environments:
        environment = f"Python {name}, {dependencies} dependencies"
        try:
            passed = check_install(
                found[name], wheel, not options.no_tests, lowest=dependencies == "lowest"
            )
        except SystemExit as failure:
            failures.append(f"{failure}\nThis was {environment}.")
            passed = "failed, see below"
        print(f"{environment}: {passed}", flush=True)
    if failures:
        sys.exit("\n\n".join(failures))
    print(f"{DIST} has what is to be published, and {SBOM}")


if __name__ == "__main__":
    main()
