"""A report of a clustering as one HTML page, which needs no network, server or library."""

from vmfmix.report.inline import InlineReport
from vmfmix.report.page import write_report

__all__ = ["InlineReport", "write_report"]
