"""cfn-lint over the templates: resources, properties, references and values as AWS knows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.aws_templates import DISTRICT, FOUNDATION

BROKEN = """
Resources:
  Photos:
    Type: AWS::S3::Bucket
    Properties: {PublicAccessBlock: {BlockPublicAcls: true}}
"""


def test_aws_would_understand_the_templates(tmp_path: Path) -> None:
    # It is slow to start: one that is wrong goes along, to show that it looks.
    broken = tmp_path / "broken.yml"
    broken.write_text(BROKEN)
    command: list[str | Path] = [Path(sys.executable).with_name("cfn-lint")]
    command += ["--regions", "us-east-1", "--format", "parseable", "--"]

    done = subprocess.run(
        [*command, FOUNDATION, DISTRICT, broken], check=False, capture_output=True, text=True
    )

    found = [line for line in done.stdout.splitlines() if line]
    assert [line for line in found if not line.startswith(str(broken))] == []
    assert any("E3002" in line for line in found), done.stdout + done.stderr
