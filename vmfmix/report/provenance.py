"""How a report was made: versions, date, parameters, and the lines that fit the model again."""

import inspect
import os
import re
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from vmfmix._version import __version__
from vmfmix.inspection.fitted_model import FittedMixture

_MAX_CHARACTERS = 200  # of the value of a parameter


def provenance(model: FittedMixture, details: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return how a report and its model were made, as JSON values.

    Parameters
    ----------
    model : VMFMixture
    details : mapping or None
        Names and values to list as well.

    Returns
    -------
    dict
        ``facts``, pairs of a name and a value; and ``code``, lines of Python that fit the model.
    """
    changed = changed_parameters(model)
    random_state = changed.pop("random_state", None)
    seed = "none, so that another fit may differ" if random_state is None else _text(random_state)
    parameters = ", ".join(f"{name}={_text(value)}" for name, value in changed.items())
    facts = [
        ("Made with", f"vmfmix {__version__}"),
        ("Date", _today()),
        *((str(name), str(value)) for name, value in (details or {}).items()),
        ("Parameters", parameters or "all at their defaults"),
        ("Random seed", seed),
    ]
    if hasattr(model, "n_iter_"):
        facts.append(("Iterations of EM", f"{model.n_iter_:,}"))
    if hasattr(model, "isotropy_"):
        facts.append(("Isotropy of the scatter", f"{model.isotropy_:.2f}"))
    return {"facts": facts, "code": _code(model)}


def changed_parameters(model: Any) -> dict[str, Any]:
    """Return the parameters of an estimator that differ from their defaults, by name."""
    if not hasattr(model, "get_params"):
        return {}
    defaults = inspect.signature(type(model).__init__).parameters
    return {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name in defaults and not _is_equal(value, defaults[name].default)
    }


def _is_equal(value: Any, default: Any) -> bool:
    if value is default:
        return True
    return type(value) is type(default) and np.ndim(value) == 0 and bool(value == default)


def _code(model: Any) -> list[str]:
    """Return the lines of Python that fit the model again, as far as parameters are scalars."""
    module, name = type(model).__module__, type(model).__name__
    arguments = [f"{name}={_text(value)}" for name, value in changed_parameters(model).items()]
    lines = [
        f"from {'vmfmix' if module.startswith('vmfmix.') else module} import {name}",
        "",
        f"model = {name}({', '.join(arguments)}).fit(X)",
    ]
    if not hasattr(model, "lower_bounds_"):  # EM did not run on these clusters
        lines.append("# The clusters were cut from this fit, or edited, afterwards.")
    return lines


def _text(value: Any) -> str:
    """Return a value as Python writes it, if that is short and the same in every process."""
    if isinstance(value, np.generic):
        value = value.item()
    shape = getattr(value, "shape", ())
    if len(shape) > 0:
        return f"<array of shape {tuple(shape)}>"
    text = repr(value)
    if re.search(r" at 0x[0-9a-fA-F]+", text):
        return f"<{type(value).__name__}>"
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "…"


def _today() -> str:
    """Return the date in UTC: that of SOURCE_DATE_EPOCH, if set, so that pages are reproducible."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = float(seconds) if seconds.isdigit() else time.time()
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
