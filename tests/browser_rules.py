"""What every answer of ours has to tell a browser, and what no page of ours may hold."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from werkzeug.test import TestResponse

NEEDED = {
    "X-Content-Type-Options": {"nosniff"},
    "Referrer-Policy": {"same-origin", "no-referrer"},
    "Cross-Origin-Opener-Policy": {"same-origin"},
    "Cross-Origin-Resource-Policy": {"same-origin"},
}
POLICY = {
    "default-src": {"'none'"},
    "object-src": {"'none'"},
    "base-uri": {"'none'"},
    "frame-ancestors": {"'none'"},
    "form-action": {"'self'"},
}
_NONCE = re.compile(r"'nonce-([A-Za-z0-9_=+/-]{16,})'")
_RUNS = re.compile(r"\s*(?:javascript|vbscript|data:text)", re.IGNORECASE)
_ADDRESSES = ("href", "src", "action", "formaction")


class _Page(HTMLParser):
    """Collects what a policy without inline script would not run."""

    def __init__(self, nonces: frozenset[str]) -> None:
        super().__init__()
        self.faults: list[str] = []
        self._nonces = nonces

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        has = dict(attrs)
        is_inline = tag == "style" or (tag == "script" and "src" not in has)
        if is_inline and has.get("nonce") not in self._nonces:
            self.faults.append(f"<{tag}> without the nonce of its answer")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.faults.append(f"<{tag} {name}=…>")
            if name in _ADDRESSES and _RUNS.match(value or ""):
                self.faults.append(f"<{tag} {name}={value!r}>")


def faults_of(answer: TestResponse) -> list[str]:
    """What is missing in the headers of an answer, and what its page may not hold."""
    headers, faults = answer.headers, []
    for name, values in NEEDED.items():
        if headers.get(name) not in values:
            faults.append(f"{name}: {headers.get(name)}")
    if "microphone=()" not in headers.get("Permissions-Policy", ""):
        faults.append("Permissions-Policy")
    policy = headers.get("Content-Security-Policy", "")
    rules = {rule.split()[0]: set(rule.split()[1:]) for rule in policy.split(";") if rule.strip()}
    faults += [f"CSP {name}" for name, value in POLICY.items() if rules.get(name) != value]
    for name in ("script-src", "style-src"):
        for source in rules.get(name, {"missing"}):
            if source != "'self'" and not _NONCE.fullmatch(source):
                faults.append(f"CSP {name} {source}")
    for cookie in headers.getlist("Set-Cookie"):
        if not re.search(r"; HttpOnly(;|$)", cookie) or not re.search(r"SameSite=", cookie):
            faults.append(f"cookie {cookie.partition('=')[0]}")
    if answer.mimetype == "text/html":
        page = _Page(frozenset(_NONCE.findall(policy)))
        page.feed(answer.get_data(as_text=True))
        faults += page.faults
    return faults
