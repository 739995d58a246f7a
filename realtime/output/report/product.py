"""The report as a sink."""

from realtime.output.found import Found
from realtime.output.report.gather import Gatherer
from realtime.output.report.page import REPORT_HTML, report
from realtime.update import Update


class Report:
    """Gathers what the page about a recording shows.

    Args:
        review: Name of the review page beside it, None if there is none.
    """

    def __init__(self, *, review: str | None = None) -> None:
        self._gatherer = Gatherer()
        self._review = review

    def update(self, update: Update) -> None:
        """Take one update."""
        self._gatherer.update(update)

    def files(self, found: Found) -> dict[str, bytes]:
        """Return name and content of the page."""
        return {REPORT_HTML: report(found, self._gatherer, review=self._review)}

    def close(self) -> None:
        """Nothing is open."""
