"""Why a fitted mixture may lack an attribute, and what to do."""

from __future__ import annotations

_CHANGED = "since its clusters were changed without rows"
_PASS_ROWS = "pass the rows to the method that changed them, as in merge_to({n_components_}, X)"
_NO_EM = "since EM did not run on its clusters, which were changed after the fit"
_SMOOTHED = (
    f"since no rows were smoothed or its clusters were changed without rows; {_PASS_ROWS}, or fit "
    "with smooth=True."
)

MISSING_ATTRIBUTES = {
    "labels_": f"{_CHANGED}; {_PASS_ROWS}, or call predict(X).",
    "probabilities_": f"{_CHANGED}; {_PASS_ROWS}, or call predict_proba(X).",
    "reference_densities_": f"{_CHANGED} or it was saved by an earlier version; {_PASS_ROWS}, or "
    "fit again.",
    "unsmoothed_means_": _SMOOTHED,
    "unsmoothed_concentration_": _SMOOTHED,
    "lower_bound_": f"{_NO_EM}; call score(X) for the mean log density of rows.",
    "lower_bounds_": f"{_NO_EM}; fit again, with warm_start=True to start from these clusters.",
    "probability_power_": "since it was saved by an earlier version; fit again.",
    "merge_history_": "since nothing was merged or it was saved with history=False; fit with "
    'n_components="auto".',
    "levels_": "since the number of clusters was given, clusters were edited, or it was saved with "
    'history=False; fit with n_components="auto".',
    "names_": "since no cluster has a name; call rename, as in rename({{0: 'weather'}}).",
    "isotropy_": 'since its concentrations are not pooled; fit with concentration="pooled".',
    "notes_": "since no cluster has a note; call annotate, as in annotate({{0: 'mixed'}}).",
    "noise_": "since no cluster is noise; call mark_noise, as in mark_noise([0]).",
    "background_weight_": "since it has no background; fit with background=True.",
    "smoother_": "since its rows are not smoothed; fit with smooth=True.",
    "center_": "since its rows are not centered; fit with center=True.",
    "changes_": "since its last change was not an update; call update(X) with new rows.",
    "feature_names_in_": "since the rows of the fit had no column names that are all strings; fit "
    "to a DataFrame with such names.",
}
"""For each attribute that a fitted mixture may lack: the reason and the remedy, after "This model
has no …, "."""
