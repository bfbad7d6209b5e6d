"""Bulk speech on a real Ray cluster of several nodes on this machine, one of which is lost."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="Ray is an extra: pip install 'voicebank[ray]'")
from ray.cluster_utils import Cluster  # noqa: E402

from voicebank.bulk import run  # noqa: E402

ROWS = [{"id": f"{i:02d}", "text": f"Row {i}."} for i in range(12)]


@pytest.mark.slow
def test_a_lost_node_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BLOCK", 1)
    monkeypatch.setenv("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    run.batch(ROWS, tmp_path / "plain", workers=2)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    node = cluster.add_node(num_cpus=1)

    def lose_a_node() -> None:
        while not list((tmp_path / "ray" / "parts").glob("*.jsonl")):
            time.sleep(0.05)
        cluster.remove_node(node)

    try:
        cluster.connect()
        killer = threading.Thread(target=lose_a_node, daemon=True)
        killer.start()
        done = run.batch(ROWS, tmp_path / "ray", workers=2, ray=cluster.address)
        killer.join()
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert (done.rows, done.spoken) == (12, 12)
    ids = [json.loads(line)["id"] for line in done.manifest.read_text(encoding="utf-8").splitlines()]
    assert ids == [row["id"] for row in ROWS]
    for path in (tmp_path / "plain").rglob("*.flac"):
        assert path.read_bytes() == (tmp_path / "ray" / path.relative_to(tmp_path / "plain")).read_bytes()
