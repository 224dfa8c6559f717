"""The cloud's templates: what they open, keep, watch and let our code do."""

from __future__ import annotations

import re
from configparser import ConfigParser
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from server.cli import main
from server.config import PREFIX, Config, load_config
from tests.aws_templates import DISTRICT, FOLDER, FOUNDATION, found_in, listed, load, of_type

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = {"foundation": load(FOUNDATION), "district": load(DISTRICT)}
CONTAINERS = {
    each["Name"]: each
    for task in of_type(TEMPLATES["district"], "AWS::ECS::TaskDefinition").values()
    for each in task["ContainerDefinitions"]
}
# What stands for a value that is known only when the stack is made.
SAID: dict[str, str] = {
    "AWS::Region": "us-east-1",
    "DatabaseConnections": "8",
    "MailSender": "valet@example.org",
    "Photos": "valet-photos",
    "Processes": "1",
    "Receipts": "https://sqs.us-east-1.amazonaws.com/1/receipts",
    "Reports": "valet-reports",
    "TextSettings": "valet-casco",
    "Texts.PoolId": "pool-0123",
}


def everything(kind: str) -> dict[str, dict[str, Any]]:
    """All resources of a type, of both templates."""
    return {
        name: found for each in TEMPLATES.values() for name, found in of_type(each, kind).items()
    }


def value_of(said: Any) -> str:
    """A value as a task would get it."""
    if not isinstance(said, dict):
        return str(said)
    ((function, inner),) = said.items()
    if function == "Fn::If":
        return value_of(inner[1])
    if function == "Fn::Sub":
        text = inner[0] if isinstance(inner, list) else inner
        return str(re.sub(r"\$\{(\w+)\}", "casco", text))
    return SAID[inner]


def test_a_task_starts_with_settings_that_the_cloud_understands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {PREFIX + setting.name.upper() for setting in fields(Config)}
    told = {each["Name"]: value_of(each["Value"]) for each in CONTAINERS["valet"]["Environment"]}
    secret = {each["Name"] for each in CONTAINERS["valet"]["Secrets"]}
    assert {name for name in told if name.startswith(PREFIX)} <= known
    assert secret == {"PGPASSWORD", f"{PREFIX}MASTER_KEY", f"{PREFIX}METRICS_TOKEN"}
    assert secret - {"PGPASSWORD"} <= known
    for name, text in told.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv(f"{PREFIX}MASTER_KEY", "0" * 64)

    config = load_config()

    assert (config.sms_gateway, config.photo_store, config.report_store) == ("voice-v2", "s3", "s3")
    assert (config.mail_carrier, config.sms_sender) == ("ses", "pool-0123")
    assert "sslmode=verify-full" in config.database_url
    # The tables are there before the first request, in the same database.
    assert CONTAINERS["valet"]["DependsOn"] == [
        {"ContainerName": "migrate", "Condition": "SUCCESS"}
    ]
    before = {
        each["Name"]: value_of(each["Value"]) for each in CONTAINERS["migrate"]["Environment"]
    }
    assert before.items() <= told.items()


def test_the_master_key_that_is_made_is_one() -> None:
    made = of_type(TEMPLATES["district"], "AWS::SecretsManager::Secret")["MasterKey"]
    rule = made["GenerateSecretString"]
    letters = set("0123456789abcdefghijklmnopqrstuvwxyz") - set(rule["ExcludeCharacters"])
    assert letters == set("0123456789abcdef")
    assert rule["ExcludeUppercase"] is rule["ExcludePunctuation"] is True
    assert (rule["PasswordLength"], rule["RequireEachIncludedType"]) == (64, False)


def test_the_commands_of_the_tasks_are_commands() -> None:
    words = TEMPLATES["district"]["Mappings"]["Processes"]
    assert {each["Name"] for each in words.values()} | {"migrate"} <= set(main.commands)
    assert CONTAINERS["migrate"]["Command"] == ["migrate"]
    image = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", image)
    assert set(extras.split(",")) <= set(setup["options.extras_require"])
    # What the address of the database names, and where a task may write.
    assert "/etc/ssl/rds.pem" in image
    assert "VOLUME /data" in image


def test_whoever_waits_is_not_cut_off() -> None:
    (door,) = everything("AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    said = {each["Key"]: each["Value"] for each in door["LoadBalancerAttributes"]}
    idle_s = int(said["idle_timeout.timeout_seconds"])
    told = {each["Name"]: value_of(each["Value"]) for each in CONTAINERS["valet"]["Environment"]}
    # 55 s is the most that a station may be told to wait (`poll_wait_s_max`).
    assert 55 < idle_s < int(told[f"{PREFIX}KEEPALIVE_S"])
    # Addresses hold tokens: nobody keeps them.
    assert "access_logs.s3.enabled" not in said


def test_only_the_door_is_open_to_the_world() -> None:
    groups = everything("AWS::EC2::SecurityGroup")
    open_ports = {
        (name, rule["FromPort"])
        for name, group in groups.items()
        for rule in group["SecurityGroupIngress"]
        if rule.get("CidrIp") == "0.0.0.0/0"
    }
    assert open_ports == {("DoorGroup", 80), ("DoorGroup", 443)}
    (way_in,) = groups["DatabaseGroup"]["SecurityGroupIngress"]
    assert way_in["SourceSecurityGroupId"] == {"Ref": "TaskGroup"}
    (plain,) = [each for each in everything("AWS::ElasticLoadBalancingV2::Listener").values()
                if each["Protocol"] == "HTTP"]  # fmt: skip
    assert [each["Type"] for each in plain["DefaultActions"]] == ["redirect"]


def test_the_database_outlives_a_data_centre_and_a_slip() -> None:
    ((name, database),) = everything("AWS::RDS::DBInstance").items()
    wanted = {"MultiAZ", "StorageEncrypted", "DeletionProtection", "CopyTagsToSnapshot"}
    assert {key for key in wanted if database[key] is True} == wanted
    assert database["PubliclyAccessible"] is False
    assert database["BackupRetentionPeriod"] >= 7
    assert TEMPLATES["foundation"]["Resources"][name]["DeletionPolicy"] == "Snapshot"
    (settings,) = everything("AWS::RDS::DBParameterGroup").values()
    assert settings["Parameters"]["rds.force_ssl"] == "1"


def test_buckets_are_closed_encrypted_and_forget() -> None:
    buckets = everything("AWS::S3::Bucket")
    assert set(buckets) == {"Photos", "Reports"}
    policies = {each["Bucket"]["Ref"]: each["PolicyDocument"]["Statement"]
                for each in everything("AWS::S3::BucketPolicy").values()}  # fmt: skip
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        assert list(found_in(bucket, "SSEAlgorithm")) == ["aws:kms"]
        rules = bucket["LifecycleConfiguration"]["Rules"]
        assert all(rule["Status"] == "Enabled" for rule in rules)
        assert any("ExpirationInDays" in rule for rule in rules)
        denied = [each["Condition"] for each in policies[name] if each["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied
        assert {"NumericLessThan": {"s3:TlsVersion": "1.2"}} in denied
    # What the worker erases is to be gone, and no sooner than the worker says.
    assert "VersioningConfiguration" not in buckets["Photos"]
    last_word = TEMPLATES["district"]["Parameters"]["PhotoDays"]["Default"]
    assert last_word > load_config().claim_keep_days


def test_what_cannot_be_made_again_is_kept_when_a_stack_goes() -> None:
    kept = {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::ECR::Repository"}
    for template in TEMPLATES.values():
        for name, resource in template["Resources"].items():
            if "ForEach" in name:
                continue
            if resource["Type"] in kept or name in ("MasterKey", "DatabasePassword"):
                assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_no_secret_stands_in_a_template() -> None:
    for template in TEMPLATES.values():
        for parameter in template["Parameters"]:
            assert not re.search("password|secret|token|key$", parameter, re.IGNORECASE)
    (database,) = everything("AWS::RDS::DBInstance").values()
    assert database["MasterUserPassword"] == {
        "Fn::Sub": "{{resolve:secretsmanager:${DatabasePassword}}}"
    }


def test_every_name_that_one_template_takes_is_given_by_the_other() -> None:
    given = {each["Export"]["Name"] for each in TEMPLATES["foundation"]["Outputs"].values()
             if "Export" in each}  # fmt: skip
    assert set(found_in(TEMPLATES["district"], "Fn::ImportValue")) == given


def test_every_alarm_tells_somebody_and_names_a_chapter_of_the_runbook() -> None:
    chapters = set(
        re.findall(r"^### (\w+)$", (ROOT / "RUNBOOK.md").read_text("utf-8"), re.MULTILINE)
    )
    alarms = everything("AWS::CloudWatch::Alarm")
    assert len(alarms) >= 10
    for name, alarm in alarms.items():
        said = alarm["AlarmDescription"]
        text = said["Fn::Sub"] if isinstance(said, dict) else said
        (chapter,) = re.findall(r"RUNBOOK\.md, (\w+)$", text)
        assert chapter in chapters, name
        assert alarm["AlarmActions"] == alarm["OKActions"], name


def test_what_the_log_is_searched_for_is_logged() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "server").rglob("*.py"))
    patterns = [each["FilterPattern"] for each in everything("AWS::Logs::MetricFilter").values()]
    assert patterns
    for pattern in patterns:
        ((member, word),) = re.findall(r'^\{ \$\.(\w+) = "(\w+)" \}$', pattern)
        if member == "event":
            assert re.search(rf'log\.\w+\(\s*"{word}"', source), word
        else:
            assert (member, word) == ("level", "error")


def statements(name: str) -> list[dict[str, Any]]:
    """What a role of the district's template may do."""
    role = of_type(TEMPLATES["district"], "AWS::IAM::Role")[name]
    (policy,) = role["Policies"]
    said = policy["PolicyDocument"]["Statement"]
    return [each["Fn::If"][1] if "Fn::If" in each else each for each in said]


def test_no_role_may_do_anything_to_anything() -> None:
    for name in ("StarterRole", "TaskRole"):
        for each in statements(name):
            actions = listed(each["Action"])
            assert not [action for action in actions if "*" in action], name
            # Signing in to the registry is the one action that knows no resources.
            if actions != ["ecr:GetAuthorizationToken"]:
                assert "*" not in listed(each["Resource"]), each["Sid"]
