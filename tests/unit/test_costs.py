"""The page of costs: its sums are the sums, and its quantities those of the templates."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

from tests.aws_templates import DISTRICT, FOUNDATION, load, of_type

PAGE = Path(__file__).resolve().parents[2] / "OPERATIONS.md"
DISTRICTS = (1, 10, 100)
HOURS = 730
TEXTS = "parts of text"


@cache
def rows() -> dict[str, list[str]]:
    """The rows of the table by what they are about: price, source, and a quantity per column."""
    _, _, chapter = PAGE.read_text(encoding="utf-8").partition("\n## What it costs\n")
    lines = [line for line in chapter.splitlines() if line.startswith("| ")]
    cells = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]
    return {cell[0]: cell[1:] for cell in cells[2:]}


def quantities(name: str) -> list[int]:
    """How much of it for each number of districts."""
    return [int(cell.replace(",", "")) for cell in rows()[name][2:]]


def total(names: list[str]) -> list[int]:
    """Price times quantity, added up, in whole dollars."""
    sums = [Decimal(0)] * len(DISTRICTS)
    for name in names:
        price = Decimal(rows()[name][0])
        sums = [each + price * much for each, much in zip(sums, quantities(name), strict=True)]
    return [int(each.quantize(Decimal(1), ROUND_HALF_UP)) for each in sums]


def test_the_sums_are_the_sums() -> None:
    priced = [name for name, cells in rows().items() if cells[0]]
    assert len(priced) > 15
    assert total([name for name in priced if name != TEXTS]) == quantities("sum")
    assert total(priced) == quantities("sum with texts")


def test_every_price_says_where_it_is_from() -> None:
    _, _, chapter = PAGE.read_text(encoding="utf-8").partition("\n## What it costs\n")
    text = " ".join(chapter.split())
    for name, (price, source, *_) in rows().items():
        if price:
            assert f"{source}: " in text, name


def test_the_quantities_are_those_of_the_templates() -> None:
    foundation, district = load(FOUNDATION), load(DISTRICT)
    told = {name: each["Default"] for name, each in district["Parameters"].items()
            if "Default" in each}  # fmt: skip
    tasks = told["ApiTasks"] + told["WorkerTasks"]
    hours = [count * tasks * HOURS for count in DISTRICTS]
    assert quantities("Fargate, ARM, vCPU-hours") == [h * told["TaskCpu"] // 1024 for h in hours]
    assert quantities("Fargate, ARM, GB-hours") == [h * told["TaskMemory"] // 1024 for h in hours]
    # The load balancer stands in two zones.
    addresses = quantities("public IPv4 addresses, hours")
    assert addresses == [h + 2 * HOURS for h in hours]

    def metrics(template: dict[str, object]) -> int:
        # An alarm over an expression is billed for each metric in it.
        alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
        return sum(
            sum("MetricStat" in each for each in alarm.get("Metrics", ())) or 1 for alarm in alarms
        )

    def count(template: dict[str, object], kind: str) -> int:
        return len(of_type(template, kind))

    for name, kind in (("secrets", "SecretsManager::Secret"), ("KMS keys", "KMS::Key")):
        once, each = count(foundation, f"AWS::{kind}"), count(district, f"AWS::{kind}")
        assert quantities(name) == [once + number * each for number in DISTRICTS]
    once, each = metrics(foundation), metrics(district)
    assert quantities("metrics of alarms") == [once + number * each for number in DISTRICTS]
    filters = count(district, "AWS::Logs::MetricFilter")
    assert quantities("metrics of our own") == [number * filters for number in DISTRICTS]
    classes = {f"RDS {each}, Multi-AZ, hours"
               for each in foundation["Parameters"]["DatabaseClass"]["AllowedValues"]}  # fmt: skip
    assert {name for name in rows() if name.startswith("RDS db.")} <= classes
