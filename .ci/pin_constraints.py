"""Write .ci/constraints.txt: the one version of every package, direct or not.

    python3 .ci/pin_constraints.py

Resolves setup.cfg's extras in an empty environment and writes down what pip chose. `rc522` is left
out: it builds only on a Raspberry Pi.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / ".ci" / "constraints.txt"
EXTRAS = "agent,server,dev,bench"
HEADER = "# Every package's one version. Written by `make constraints`; do not edit.\n"


def main() -> int:
    """Resolve, freeze, write."""
    with tempfile.TemporaryDirectory(prefix="valet-pin-") as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check"]
        install = [*pip, "install", "--quiet", "--editable", f".[{EXTRAS}]"]
        subprocess.run(install, cwd=ROOT, check=True)
        frozen = subprocess.run(
            [*pip, "freeze", "--all", "--exclude-editable", "--exclude", "pip"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    foreign = [line for line in frozen if "==" not in line]
    if foreign:
        print(f"not from an index by version: {foreign}", file=sys.stderr)
        return 1
    TARGET.write_text(HEADER + "\n".join(sorted(frozen, key=str.lower)) + "\n", encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: {len(frozen)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
