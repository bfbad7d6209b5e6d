"""The demo's queue of jobs, and that a wish to stop is never lost."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("voicebank_demo", reason="the demo is a package of its own: pip install ./demo")

from voicebank.errors import BadData  # noqa: E402
from voicebank_demo.jobs import Jobs, Kind, read_state, remove_results  # noqa: E402

WORK = """
import json, sys, time, pathlib
folder = pathlib.Path(sys.argv[1])
while not (folder / "go").exists() and not (folder / "stop").exists(): time.sleep(0.02)
(folder / "state.json").write_text(json.dumps({"phase": "done", "stopped": (folder / "stop").exists()}))
"""


def wait(condition: Callable[[], object], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs(60, [sys.executable, "-c", WORK])
    made.start()
    yield made
    made.close()


def test_two_who_make_voices_are_served_in_turn(tmp_path: Path, jobs: Jobs) -> None:
    first = jobs.submit("ann", "train", tmp_path / "ann", {})
    second = jobs.submit("bob", "train", tmp_path / "bob", {})
    assert (jobs.place(first), jobs.place(second)) == (0, 1)
    with pytest.raises(BadData, match="still at work"):
        jobs.submit("ann", "train", tmp_path / "more", {})
    check = jobs.submit("cid", "check", tmp_path / "cid", {"a": 1})
    assert jobs.place(check) == 0  # who only wants to know what is wrong does not wait for a voice
    assert json.loads((tmp_path / "cid" / "request.json").read_text()) == {"kind": "check", "a": 1}
    assert second.process is None
    (tmp_path / "ann" / "go").touch()
    wait(lambda: second.process is not None)
    assert jobs.of("ann") is None and jobs.place(second) == 0
    jobs.stop("bob")
    wait(lambda: second.ended)
    assert read_state(tmp_path / "bob")["stopped"]


def test_who_waits_can_go(tmp_path: Path, jobs: Jobs) -> None:
    jobs.submit("ann", "train", tmp_path / "ann", {})
    jobs.submit("bob", "train", tmp_path / "bob", {})
    jobs.stop("bob")
    assert jobs.of("bob") is None
    job = jobs.of("ann")
    assert job is not None
    jobs.drop("ann")
    assert job.process is not None and job.process.poll() is not None and jobs.of("ann") is None


def test_a_worker_that_dies_says_so(tmp_path: Path) -> None:
    jobs = Jobs(60, [sys.executable, "-c", "import sys; sys.exit('out of memory')"])
    job = jobs.submit("ann", "check", tmp_path / "ann", {})
    wait(lambda: jobs.advance() or job.ended)
    assert read_state(job.folder)["phase"] == "failed"


def test_a_second_start_takes_nothing_from_the_job_at_work(tmp_path: Path, jobs: Jobs) -> None:
    """Two pages of one visitor, or a double click: the wish to stop lies in the folder that a start empties."""
    work = tmp_path / "ann"
    first = jobs.submit("ann", "train", work, {})
    wait(lambda: first.process is not None)
    (work / "dataset").mkdir()
    with pytest.raises(BadData, match="still at work"):
        jobs.submit("ann", "train", work, {}, lambda: remove_results(work))
    assert (work / "dataset").is_dir()
    jobs.stop("ann")
    wait(lambda: first.ended)
    jobs.submit("ann", "train", work, {}, lambda: remove_results(work))
    assert not (work / "dataset").exists()
    assert not (work / "stop").exists()  # the wish was about the first job


def test_a_stop_may_come_at_any_time(tmp_path: Path) -> None:
    """Queued, just started, at work: wherever it finds the job, the job ends, and the next one's turn comes."""
    jobs = Jobs(60, [sys.executable, "-c", WORK])
    jobs.start()
    try:
        for pause in (0, 0, 0.01, 0.05, 0.2, 0.5):
            job = jobs.submit("ann", "train", tmp_path / "ann", {})
            time.sleep(pause)
            jobs.stop("ann")
            wait(lambda job=job: job.ended)
            assert read_state(tmp_path / "ann") == {"phase": "done", "stopped": True}
    finally:
        jobs.close()


@pytest.mark.parametrize("kind", ["check", "train"])
def test_a_stop_before_the_worker_begins_ends_it_before_it_does_anything(tmp_path: Path, kind: Kind) -> None:
    jobs = Jobs(60)
    request = {"source": str(tmp_path), "dataset": str(tmp_path / "dataset"), "language": "en-us"}
    job = jobs.submit("ann", kind, tmp_path / "work", request)
    jobs.stop("ann")  # the process is there, but it has not read a line yet
    wait(lambda: jobs.advance() or job.ended)
    assert read_state(job.folder)["phase"] == "failed"
    assert "was stopped" in read_state(job.folder)["error"]
    assert (job.folder / "worker.log").read_text().count("\n") == 1
