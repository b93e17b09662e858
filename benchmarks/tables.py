"""Lines of tables: what is in their cells, and the file that they are kept in."""

import json
import re

import numpy as np

from benchmarks.alternating import median, ratios


def spread(seconds, other):
    """Median and quartiles of the ratios, as `2.00 (1.90, 2.10)`; None without any."""
    if seconds is None or not len(found := ratios(seconds, other)):
        return None
    return f"{np.median(found):.2f} ({quartiles(found)})"


def quartiles(values, digits=2):
    return ", ".join(f"{q:.{digits}f}" for q in np.quantile(values, [0.25, 0.75]))


def milliseconds(seconds):
    value = float("nan") if seconds is None else median(np.asarray(seconds))
    return None if np.isnan(value) else round(1e3 * value, 2 if value < 0.01 else 1)


def tell(about, *rows):
    """Print lines of a table."""
    for row in rows:
        facts = ", ".join(f"{name}: {value}" for name, value in row.items())
        print(f"[{about}] {facts}", flush=True)


def joined(earlier, new, order):
    """The new tables, and of parts that were not measured again the earlier ones, in an order."""
    of_all = {**earlier, **new}
    return {name: of_all[name] for name in order if of_all.get(name)}


def save(path, facts, new, order):
    """Write facts and tables, and keep what the file has of other tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    text = json.dumps({**facts, **joined(earlier, new, order)}, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[\s\d.,]+\]", lambda numbers: " ".join(numbers[0].split()), text)
    path.write_text(text + "\n", encoding="utf-8")
