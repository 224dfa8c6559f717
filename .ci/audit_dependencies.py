"""Known advisories against every pinned package, asked of the OSV database (osv.dev).

    python .ci/audit_dependencies.py

Needs the network for a few seconds. Where the database cannot be reached it says so, with the date,
and passes: a build does not hang on somebody else's machine. With VALET_AUDIT=required that fails,
too; the machine that makes releases sets it. What is accepted stands with its reason and its end
in security_exceptions.toml as [[advisory]] (id, why, until).
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXCEPTIONS = Path(__file__).with_name("security_exceptions.toml")
ADDRESS = "https://api.osv.dev/v1/querybatch"
TIMEOUT_S = 10


def main() -> int:
    """Ask about all packages; 1 if one has an advisory that nobody accepted."""
    packages, today = list(pinned()), datetime.now(UTC).date()
    try:
        known = advisories(packages)
    except (OSError, ValueError, KeyError, IndexError) as error:
        print(f"audit: COULD NOT LOOK on {today}: {type(error).__name__}; nothing is known")
        return 1 if os.environ.get("VALET_AUDIT") == "required" else 0
    accepted = in_force(today)
    found = {name: sorted(set(ids) - accepted) for name, ids in known.items()}
    for name, ids in sorted(found.items()):
        for advisory in ids:
            print(f"audit: {name}: {advisory} (https://osv.dev/vulnerability/{advisory})")
    if any(found.values()):
        return 1
    print(f"audit: {len(packages)} packages, no open advisory on {today}")
    return 0


def pinned() -> Iterator[tuple[str, str, str]]:
    """Ecosystem, name and version of every package that we install, also the indirect ones."""
    for line in (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==(\S+)", line.strip())
        if match:
            yield "PyPI", re.sub(r"[-_.]+", "-", match[1]).lower(), match[2]
    lock = json.loads((ROOT / "booth_ui" / "package-lock.json").read_text(encoding="utf-8"))
    for path, package in lock["packages"].items():
        if path:
            yield "npm", path.rpartition("node_modules/")[2], package["version"]


def advisories(packages: list[tuple[str, str, str]]) -> dict[str, list[str]]:
    """The ids of what is known of each package. Raises `OSError` and `ValueError`."""
    queries = [
        {"package": {"ecosystem": ecosystem, "name": name}, "version": version}
        for ecosystem, name, version in packages
    ]
    request = urllib.request.Request(  # noqa: S310 - an address of ours
        os.environ.get("VALET_AUDIT_ADDRESS", ADDRESS),
        json.dumps({"queries": queries}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
        results = json.loads(answer.read())["results"]
    if len(results) != len(packages):
        raise ValueError("not an answer for each package")
    return {
        f"{name} {version}": [one["id"] for one in result.get("vulns") or ()]
        for (_, name, version), result in zip(packages, results, strict=True)
    }


def in_force(today: date) -> set[str]:
    """Advisories that are accepted today."""
    content = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))
    return {
        one["id"] for one in content.get("advisory", ()) if one["why"] and today <= one["until"]
    }


if __name__ == "__main__":
    sys.exit(main())
