"""PDFs where WeasyPrint is installed; it stands in here as a module that notes what it is given."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from schemas.problems import Refusal
from server.reports import print_pdf


class FakeWeasyPrint(ModuleType):
    """What of WeasyPrint is used; `during` is called while a PDF is made."""

    def __init__(self) -> None:
        super().__init__("weasyprint")
        self.given: list[tuple[str, object]] = []
        self.during: Any = None
        self.urls = ModuleType("weasyprint.urls")
        self.urls.URLFetcher = lambda **limits: ("fetcher", limits)  # type: ignore[attr-defined]

    def CSS(self, *, string: str) -> str:
        """A style sheet."""
        return string

    def HTML(self, *, string: str, url_fetcher: object) -> FakeWeasyPrint:
        """A page."""
        self.given.append((string, url_fetcher))
        return self

    def write_pdf(self, *, stylesheets: list[str], pdf_tags: bool) -> bytes:
        """The PDF."""
        if self.during is not None:
            self.during()
        assert pdf_tags
        return "".join(stylesheets).encode()


@pytest.fixture
def weasy(monkeypatch: pytest.MonkeyPatch) -> FakeWeasyPrint:
    """It is installed."""
    fake = FakeWeasyPrint()
    monkeypatch.setitem(sys.modules, "weasyprint", fake)
    monkeypatch.setitem(sys.modules, "weasyprint.urls", fake.urls)
    print_pdf.has_pdf.cache_clear()
    return fake


def test_a_page_becomes_a_pdf_and_loads_nothing(weasy: FakeWeasyPrint) -> None:
    assert print_pdf.has_pdf()
    assert print_pdf.pdf_of("<html>", "@page {}") == b"@page {}"
    assert weasy.given == [("<html>", ("fetcher", {"allowed_protocols": ()}))]
    print_pdf.has_pdf.cache_clear()


def test_one_is_made_at_a_time_also_after_one_has_failed(weasy: FakeWeasyPrint) -> None:
    def meanwhile() -> None:
        with pytest.raises(Refusal, match="report_busy"):
            print_pdf.pdf_of("<html>", "")
        raise ValueError("made to fail")

    weasy.during = meanwhile
    with pytest.raises(ValueError, match="made to fail"):
        print_pdf.pdf_of("<html>", "")
    weasy.during = None
    assert print_pdf.pdf_of("<html>", "x") == b"x"


@pytest.mark.parametrize("error", [ImportError("none"), OSError("no libpango-1.0-0")])
def test_without_the_package_or_its_libraries_there_are_none(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_name: str) -> None:
        raise error

    monkeypatch.setattr("server.reports.print_pdf.importlib.import_module", fail)
    print_pdf.has_pdf.cache_clear()
    assert not print_pdf.has_pdf()
    print_pdf.has_pdf.cache_clear()
