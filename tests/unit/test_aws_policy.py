"""The policy of our tasks is what our code asks of AWS: all of it, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import botocore.session
from botocore import xform_name

from tests.aws_templates import listed
from tests.unit.test_aws_templates import statements

SERVER = Path(__file__).resolve().parents[2] / "server"
# How a call is named in a policy (Service Authorization Reference), where that differs.
ACTIONS = {
    ("s3", "head_object"): {"s3:GetObject"},
    ("sesv2", "send_email"): {"ses:SendEmail", "ses:SendRawEmail"},
    ("pinpoint-sms-voice-v2", "send_text_message"): {"sms-voice:SendTextMessage"},
}
# Needed by whoever asks for a thing that may not be there: S3 answers 403 without it.
BESIDES = {"s3:ListBucket"}
# Asked only where the stack does not do it.
NOT_HERE = {
    ("sns", "publish"): "the stack sends texts through pinpoint-sms-voice-v2",
    ("kms", "encrypt"): "`valet-server keys wrap`, by hand",
}


def services_in(tree: ast.Module) -> Iterator[str]:
    """Names of the services that a module opens a client of."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("open_client", "client") and isinstance(node.args[0].value, str):
                yield node.args[0].value


def calls() -> set[tuple[str, str]]:
    """Service and method of everything that is asked of AWS: methods called by their name, and
    those whose name is passed on."""
    session = botocore.session.Session()
    found = set()
    for path in SERVER.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "open_client(" not in text and ".client(" not in text:
            continue
        tree = ast.parse(text)
        words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        words |= {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        for service in services_in(tree):
            methods = map(xform_name, session.get_service_model(service).operation_names)
            found |= {(service, method) for method in methods if method in words}
    return found


def actions_of(service: str, method: str) -> set[str]:
    """What a policy has to allow for a call."""
    words = "".join(part.capitalize() for part in method.split("_"))
    return ACTIONS.get((service, method), {f"{service}:{words}"})


def test_the_tasks_may_do_what_the_code_asks_and_nothing_else() -> None:
    asked = calls()
    assert set(NOT_HERE) <= asked
    assert set(ACTIONS) <= asked
    needed = set(BESIDES)
    for service, method in asked - set(NOT_HERE):
        needed |= actions_of(service, method)

    allowed = {action for each in statements("TaskRole") for action in listed(each["Action"])}

    assert allowed == needed


def test_the_calls_are_found() -> None:
    services = {service for service, _ in calls()}
    assert services == {"kms", "pinpoint-sms-voice-v2", "s3", "sesv2", "sns", "sqs"}
    assert actions_of("kms", "generate_data_key") == {"kms:GenerateDataKey"}
