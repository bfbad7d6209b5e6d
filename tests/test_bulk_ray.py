"""Bulk speech and training on a real Ray cluster of several nodes on this machine, of which parts are killed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from clones import CLIPS, Recorded
from typer.testing import CliRunner
from waiting import wait

ray = pytest.importorskip("ray", reason="Ray is an extra: pip install 'voicebank[ray]'")
from ray.cluster_utils import Cluster  # noqa: E402

from voicebank.bulk import run  # noqa: E402
from voicebank.cli import app  # noqa: E402
from voicebank.training.cluster import train_on_ray  # noqa: E402
from voicebank.training.run import train  # noqa: E402
from voicebank.training.runs import load_checkpoint  # noqa: E402
from voicebank.training.trainer import TrainerConfig  # noqa: E402

ROWS: list[dict[str, Any]] = [{"id": f"{i:02d}", "text": f"Row {i}."} for i in range(16)]
ROWS[5]["text"] = " "
ROWS[9]["voice"] = "nobody"
# A plugin that kills whoever uses it.
DEADLY = "import os\n\n\nclass Plugin:\n    def __init__(self, **options):\n        os.kill(os.getpid(), 9)\n"
pytestmark = pytest.mark.slow
pytest_plugins = ["hub_fixtures"]
SMALL = {"num_cpus": 1, "object_store_memory": 80 << 20}


@pytest.fixture(scope="module")
def deadly(tmp_path_factory: pytest.TempPathFactory, untrained: Path) -> Iterator[Path]:
    """A voice that kills whoever loads it, by a plugin that each process of a cluster finds."""
    place = tmp_path_factory.mktemp("deadly")
    (place / "deadly.py").write_text(DEADLY)
    info = place / "deadly-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[voicebank.frontend]\ndeadly = deadly:Plugin\n")
    folder = Path(shutil.copytree(untrained, place / "voice"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "frontend": {"name": "deadly"}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(place))
        patch.setenv("PYTHONPATH", str(place), prepend=os.pathsep)
        # On a busy machine a node takes long to start, and workers that give way to all else never come to their turn.
        patch.setenv("RAY_raylet_start_wait_time_s", "120")
        patch.setenv("RAY_worker_niceness", "0")
        yield folder


@pytest.fixture(scope="module")
def cluster(deadly: Path) -> Iterator[Cluster]:
    """A head and a node, a core each."""
    found = Cluster(initialize_head=True, head_node_args={**SMALL, "include_dashboard": False})
    found.add_node(**SMALL)
    try:
        ray.init(found.address, log_to_driver=False, configure_logging=False)
        yield found
    finally:
        ray.shutdown()
        found.shutdown()


@contextlib.contextmanager
def meanwhile(*disasters: Callable[[], None]) -> Iterator[None]:
    """Let things happen one after the other while the block runs; all must have happened when it ends."""

    def happen() -> None:
        for disaster in disasters:
            disaster()

    thread = threading.Thread(target=happen, daemon=True)
    thread.start()
    yield
    thread.join(5)
    assert not thread.is_alive(), "nothing was killed"


def kill_one(name: str) -> None:
    """Kill -9 a process of the cluster by what Ray calls it."""

    def found() -> list[psutil.Process]:
        titles = [(one, " ".join(one.info["cmdline"] or ())) for one in psutil.process_iter(["cmdline"])]
        return [one for one, title in titles if title.startswith("ray::") and name in title]

    wait(found)
    found()[0].kill()


@pytest.mark.long
def test_whatever_is_killed_every_row_is_spoken_once(
    cluster: Cluster, deadly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BLOCK", 1)
    rows = [*ROWS, {"id": "deadly", "text": "Good night.", "voice": str(deadly)}]
    run.batch(rows, tmp_path / "plain", workers=2)
    out = tmp_path / "ray"

    def parts() -> int:
        return len(list((out / "parts").glob("part-*.jsonl")))

    (tmp_path / "rows.json").write_text(json.dumps(rows))
    code = "import json, sys; from voicebank.bulk import run; run.BLOCK = 1; "
    code += "run.batch(json.load(open(sys.argv[1])), sys.argv[2], workers=2, ray=sys.argv[3])"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "rows.json"), str(out), cluster.address]
    ) as driver:
        wait(lambda: parts() or driver.poll() is not None)
        assert driver.poll() is None
        driver.kill()
    left, node = parts(), next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)
    with meanwhile(
        lambda: wait(lambda: parts() >= left + 2),
        lambda: kill_one("MapWorker"),
        lambda: wait(lambda: parts() >= left + 5),
        lambda: cluster.remove_node(node, allow_graceful=False),
    ):
        done = run.batch(rows, out, workers=2, ray=cluster.address)
    cluster.add_node(**SMALL)
    assert (done.rows, done.done, done.failed) == (17, 14, 3)
    lines = [json.loads(line) for line in done.manifest.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == [row["id"] for row in rows]
    assert "unknown voice" in lines[9]["error"] and lines[5]["error"] and "died each time" in lines[16]["error"]
    names = {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    assert names == {path.relative_to(tmp_path / "plain") for path in (tmp_path / "plain").rglob("*") if path.is_file()}
    for name in names:
        assert (tmp_path / "plain" / name).read_bytes() == (out / name).read_bytes(), name


@pytest.mark.long
def test_two_workers_learn_what_one_does_though_one_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    shutil.copytree(CLIPS / "us-male", tmp_path / "speaker")
    config = TrainerConfig(steps=16, warmup=2, validate_every=4, checkpoint_seconds=0.0, picture_every=16, device="cpu")
    options: dict[str, Any] = {"preset": "tiny", "frontend": None, "held_back": 2, "cache": tmp_path / "features"}
    folders, folder = [tmp_path / "speaker"], tmp_path / "two"
    progress = Recorded()
    with meanwhile(lambda: wait(lambda: (folder / "best.safetensors").exists()), lambda: kill_one("RayTrainWorker")):
        trained = train_on_ray(
            "text2mel",
            folders,
            folder,
            address=cluster.address,
            workers=2,
            config=config,
            progress=progress,
            batch_size=2,
            **options,
        )
    assert trained.step == 16 and (progress.steps[-1][1:3]) == (16, 16)
    assert any(note.startswith("going on at step") for note in progress.notes)
    alone = train("text2mel", folders, tmp_path / "one", config=config, batch_size=4, **options)
    assert {path.name for path in folder.iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    expected = [row for row in alone.metrics() if row["kind"] == "validation"]
    found = [row for row in rows if row["kind"] == "validation"]
    assert [row["step"] for row in found] == [4, 8, 12, 16]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["l1"] == pytest.approx(theirs["l1"], rel=0.03)
    assert load_checkpoint(folder / "checkpoint.safetensors")[1]["step"] == 16


@pytest.mark.long
def test_what_cannot_be_trained_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    command = ["train", "ssrn", str(tmp_path), "--run", str(tmp_path / "run"), "--preset", "tiny"]
    for more, message in (
        (["--workers", "2"], "add --ray"),
        (["--workers", "9", "--ray", cluster.address], "9 workers with 1 each need more"),
        (["--ray", cluster.address], "is no dataset"),
    ):
        result = CliRunner().invoke(app, [*command, *more])
        assert result.exit_code == 2 and message in result.stderr, result.output
        assert len(result.stderr.splitlines()) == 1


def test_no_cluster_is_one_line() -> None:
    code = "from voicebank.training.ray_cluster import connect; connect('127.0.0.1:1')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].startswith("voicebank.errors.BadData: no Ray cluster at 127.0.0.1:1")
