"""How many processes and threads the cloud should have: a driver's page under each setting."""

from __future__ import annotations

from pathlib import Path

from server import clock, links
from server.master_key import load_master_key
from tests.bench.conftest import Figures
from tests.bench.page_readers import read_pages
from tests.bench.process_cost import group_cpu_s
from tests.bench.spread import of_times
from tests.cloud_kit import open_cloud
from tests.fault.served_process import served_process
from tests.visit_story import Story

READERS, WARM_S, READ_S = 24, 1.0, 4.0
SETTINGS = ((1, 8), (1, 64), (1, 256), (2, 8), (2, 64))
"""Processes, and the threads of each."""


def test_a_drivers_page_by_processes_and_threads(
    tmp_path: Path, postgres_url: str, figures: Figures
) -> None:
    with open_cloud(tmp_path, postgres_url) as kit:
        key = load_master_key(kit.config.key_file)
        story = Story(kit.database, kit.config, key, now=clock.now())
        path = f"/t/{links.token_of(key, story.receive('herrera').id)}"
        for processes, threads in SETTINGS:
            room = {"PROCESSES": str(processes), "THREADS": str(threads)}
            with served_process(kit.config, tmp_path, **room) as server:
                read_pages(server.port, path, READERS, WARM_S)
                before_s = group_cpu_s(server.pid)
                reading = read_pages(server.port, path, READERS, READ_S)
                cpu_s = group_cpu_s(server.pid) - before_s
            assert reading.statuses == {b"200"}
            pages = len(reading.times_ms)
            figures[f"driver's page, processes {processes}, threads {threads}"] = {
                **of_times(reading.times_ms),
                "pages_per_s": round(pages / READ_S, 1),
                "cpu_ms_a_page": round(1e3 * cpu_s / pages, 2),
            }
