"""Bandit over our packages: every finding is mended, or named with a reason.

    python .ci/find_weaknesses.py [FOLDER...]

Reasons are in security_exceptions.toml. Fails for a finding without one, and for a reason that no
finding needs any more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXCEPTIONS = Path(__file__).with_name("security_exceptions.toml")
PACKAGES = ("schemas", "reader_agent", "booth_ui", "server")


def main(folders: list[str]) -> int:
    """Look through the folders, or through our packages; 1 if there is something to do."""
    findings = look(folders or list(PACKAGES))
    accepted = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))["finding"]
    faults = [
        f"{finding['filename']}:{finding['line_number']}: {finding['test_id']} "
        f"{finding['issue_text']}"
        for finding in findings
        if not any(covers(one, finding) for one in accepted)
    ]
    if not folders:
        faults += [
            f"security_exceptions.toml: {one['test']} {one['paths']} finds nothing any more"
            for one in accepted
            if not any(covers(one, finding) for finding in findings)
        ]
    for fault in faults:
        print(fault)
    if not faults:
        print(f"bandit: {len(findings)} findings, each with its reason")
    return 1 if faults else 0


def look(folders: list[str]) -> list[dict[str, Any]]:
    """What bandit finds, whatever its severity."""
    command = [sys.executable, "-m", "bandit", "-q", "-r", "-f", "json", "-x", "*/node_modules/*"]
    run = subprocess.run([*command, *folders], cwd=ROOT, capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise SystemExit(f"bandit: {run.stderr.strip()}")
    report = json.loads(run.stdout)
    if report["errors"]:
        raise SystemExit(f"bandit could not read: {report['errors']}")
    found: list[dict[str, Any]] = report["results"]
    return found


def covers(accepted: dict[str, Any], finding: dict[str, Any]) -> bool:
    """Whether a reason is about this finding."""
    path = finding["filename"].removeprefix("./")
    is_there = any(fnmatch(path, pattern) for pattern in accepted["paths"])
    return bool(accepted["test"] == finding["test_id"] and is_there and accepted["why"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
