"""Tests of the arguments and the help of the commands."""

import pytest

import vmfmix
from tests.cli.commands import FIT, REPORT, fails, run_module
from vmfmix import VMFMixture
from vmfmix.cli.arguments import CONCENTRATIONS, LAYOUTS, MERGE_COSTS, SELECTION_RULES
from vmfmix.cli.main import main
from vmfmix.cli.outputs import EMBED_OUTPUTS, FIT_OUTPUTS, PREDICT_OUTPUTS
from vmfmix.merging.costs import COSTS
from vmfmix.merging.selection import RULES
from vmfmix.report import layout


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "COMMAND"),
        (["rapport"], "'rapport'"),
        (["fit"], "EMBEDDINGS"),
        (["fit", "rows.npy"], "--out"),
        ([*FIT, "--out", "out", "--n-components", "0"], "'0' is not an integer of at least 1"),
        ([*FIT, "--out", "out", "--n-components", "many"], "or 'auto'"),
        ([*FIT, "--out", "out", "--concentration", "loose"], "'tied', 'free' or a number"),
        ([*FIT, "--out", "out", "--concentration", "-1"], "'-1' is not"),
        ([*FIT, "--out", "out", "--concentration", "nan"], "'nan' is not"),
        ([*FIT, "--out", "out", "--tol", "-0.1"], "'-0.1' is not a number"),
        ([*FIT, "--out", "out", "--max-iter", "1.5"], "'1.5' is not an integer"),
        ([*FIT, "--out", "out", "--n-init", "0"], "'0' is not an integer"),
        ([*FIT, "--out", "out", "--random-state", "4294967296"], "from 0 to 4294967295"),
        ([*FIT, "--out", "out", "--assignment", "firm"], "'firm'"),
        ([*FIT, "--out", "out", "--over"], "--over"),
        ([*FIT, "--out", "out", "--n-components", "301"], "at most 300"),
        ([*FIT, "--out", "out", "--n-components-init", "0"], "'0' is not an integer of at least 1"),
        (
            [*FIT, "--out", "out", "--n-components-init", "2"],
            "2 is less than --n-components 3",
        ),
        (
            [*FIT, "--out", "out", "--n-components-init", "301"],
            "301 is more than the 300 rows",
        ),
        (
            [*FIT, "--out", "out", "--n-components-init", "9", "--merge", "none"],
            "merging starts from",
        ),
        (["fit", "rows.npy", "--out", "out", "--merge", "none"], "finds the number of clusters"),
        ([*FIT, "--out", "out", "--merge", "ward"], "'ward' is not one of likelihood, icl, "),
        ([*FIT, "--out", "out", "--selection", "best"], "'best'"),
        ([*FIT, "--out", "out", "--resolution", "0"], "'0' is not a number > 0"),
        ([*FIT, "--out", "out", "--resolution", "2"], "--n-components auto"),
        ([*FIT, "--out", "out", "--min-cluster-size", "0"], "'0' is not an integer of at least 1"),
        (
            [*FIT, "--out", "out", "--min-cluster-size", "301"],
            "--min-cluster-size 301 is more than",
        ),
        (["cut"], "MODEL"),
        ([*REPORT, "--layout", "tsne"], "'tsne'"),
        ([*REPORT, "--layout", "umap", "--coordinates", "x,y"], "not allowed with argument"),
        (["cut", "model.npz", "rows.npy", "-n", "0", "--out", "out"], "'0' is not an integer of"),
        (["cut", "model.npz", "-n", "3", "--out", "out"], "needs a file of embeddings and --out"),
        (["cut", "model.npz", "rows.npy", "-n", "3"], "needs a file of embeddings and --out"),
    ],
)
def test_refuses_invalid_arguments(folder, capsys, argv, message):
    assert message in fails(capsys, *argv)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vmfmix {vmfmix.__version__}\n"


@pytest.mark.parametrize(
    "command", [[], ["fit"], ["cut"], ["predict"], ["report"], ["embed"], ["export"]]
)
def test_help_of_commands(capsys, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


@pytest.mark.parametrize(
    ("command", "outputs"),
    [
        ("fit", FIT_OUTPUTS),
        ("cut", FIT_OUTPUTS),
        ("predict", PREDICT_OUTPUTS),
        ("embed", EMBED_OUTPUTS),
    ],
)
def test_help_lists_outputs(capsys, command, outputs):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    for output in outputs:
        assert f"\n  {output.name} " in shown


def test_names_in_help_are_those_of_the_estimator(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert list(MERGE_COSTS) == list(COSTS)
    assert list(SELECTION_RULES) == list(RULES)
    assert LAYOUTS == layout.LAYOUTS
    constraint = VMFMixture._parameter_constraints["concentration"][0]
    assert set(CONCENTRATIONS) == constraint.options
    assert main(["fit", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name in (*MERGE_COSTS, *SELECTION_RULES, *CONCENTRATIONS):
        assert f"'{name}'" in shown


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from vmfmix.cli.main import main; main(['fit', '--help']); "
        "print(*{'numpy', 'scipy', 'sklearn', 'numba'} & set(sys.modules), file=sys.stderr)"
    )
    done = run_module("-c", code)
    assert done.stderr.split() == []
    done = run_module("-m", "vmfmix", "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert "fit" in done.stdout and "predict" in done.stdout and "examples:" in done.stdout
