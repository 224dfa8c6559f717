"""A page as a PDF, by WeasyPrint where it is installed (the extra `pdf`).

Without it a person prints the page from the browser, by the same style sheet. A PDF takes seconds
of a core, so one is made at a time.
"""

from __future__ import annotations

import importlib
import logging
import threading
from functools import lru_cache

import structlog

from schemas.problems import Refusal

log = structlog.get_logger()

MEDIA_TYPE = "application/pdf"
_one_at_a_time = threading.Lock()


@lru_cache(maxsize=1)
def has_pdf() -> bool:
    """Whether PDFs can be made here: the package and the libraries that it needs are there."""
    try:
        importlib.import_module("weasyprint")
    except ImportError:
        return False
    except OSError as error:
        log.error("pdf_library_missing", error=str(error)[:200])
        return False
    return True


def pdf_of(html: str, style: str) -> bytes:
    """The page as a tagged PDF; it loads nothing. Raises `Refusal("report_busy")` while another
    one is made."""
    import weasyprint
    from weasyprint.urls import URLFetcher

    # It would name every rule of the screen that a print has no use for, at each print.
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    if not _one_at_a_time.acquire(blocking=False):
        raise Refusal("report_busy")
    try:
        page = weasyprint.HTML(string=html, url_fetcher=URLFetcher(allowed_protocols=()))
        sheets = [weasyprint.CSS(string=style)]
        content: bytes = page.write_pdf(stylesheets=sheets, pdf_tags=True)
    finally:
        _one_at_a_time.release()
    return content
