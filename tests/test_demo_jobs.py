"""The demo's queues of jobs, what a worker reports, and that a wish to stop is never lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

pytest.importorskip("voicebank_demo", reason="the demo is a package of its own: pip install ./demo")

from waiting import wait  # noqa: E402

from voicebank.audio import Audio  # noqa: E402
from voicebank.errors import BadAudio, BadData  # noqa: E402
from voicebank_demo.clips import Clips, check_speech  # noqa: E402
from voicebank_demo.jobs import Job, Jobs, remove_results  # noqa: E402
from voicebank_demo.presenter import working  # noqa: E402
from voicebank_demo.state import STATE, CheckRequest, Clip, State, TrainRequest, read_state, write  # noqa: E402
from voicebank_demo.worker import Worker  # noqa: E402

# Modules of which a process calls `main`.
WORK = """
import json, time
def main(folder):
    while not (folder / "go").exists() and not (folder / "stop").exists(): time.sleep(0.02)
    (folder / "state.json").write_text(json.dumps({"phase": "done", "stopped": (folder / "stop").exists()}))
"""
DIE = """
def main(folder):
    print("out of memory")
    return 1
"""
CLIPS = Path(__file__).parent / "data" / "clips" / "us-male" / "wavs"
CHECK = CheckRequest(source=Path("x"), dataset=Path("y"), language="en-us")
TRAIN = TrainRequest(base="us-male", name="me", consent="", language="en-us", minutes=1)


@pytest.fixture(autouse=True)
def modules(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "demo_work.py").write_text(WORK)
    (folder / "demo_dies.py").write_text(DIE)
    monkeypatch.syspath_prepend(folder)


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs(60, "demo_work")
    made.start()
    yield made
    made.close()


def test_two_who_make_voices_are_served_in_turn(tmp_path: Path, jobs: Jobs) -> None:
    first = jobs.submit("ann", "train", tmp_path / "ann", TRAIN)
    second = jobs.submit("bob", "train", tmp_path / "bob", TRAIN)
    assert (jobs.place(first), jobs.place(second)) == (0, 1)
    with pytest.raises(BadData, match="still at work"):
        jobs.submit("ann", "train", tmp_path / "more", TRAIN)
    check = jobs.submit("cid", "check", tmp_path / "cid", CHECK)
    assert jobs.place(check) == 0  # who only wants to know what is wrong does not wait for a voice
    long = jobs.submit("dan", "long", tmp_path / "dan", CHECK)
    assert jobs.place(long) == 0  # nor does a check of clips wait behind an hour that is transcribed
    assert json.loads((tmp_path / "cid" / "request.json").read_text())["kind"] == "check"
    assert second.process is None
    (tmp_path / "ann" / "go").touch()
    wait(lambda: second.process is not None)
    assert jobs.of("ann") is None and jobs.place(second) == 0
    jobs.stop("bob")
    wait(lambda: second.ended)
    assert state(tmp_path / "bob").stopped


def test_who_waits_can_go(tmp_path: Path, jobs: Jobs) -> None:
    jobs.submit("ann", "train", tmp_path / "ann", TRAIN)
    jobs.submit("bob", "train", tmp_path / "bob", TRAIN)
    jobs.stop("bob")
    assert jobs.of("bob") is None
    job = jobs.of("ann")
    assert job is not None
    jobs.drop("ann")
    assert job.process is not None and job.process.poll() is not None and jobs.of("ann") is None


def test_a_worker_that_dies_says_so(tmp_path: Path) -> None:
    jobs = Jobs(60, "demo_dies")
    job = jobs.submit("ann", "check", tmp_path / "ann", CHECK)
    wait(lambda: jobs.advance() or job.ended)
    assert state(job.folder).phase == "failed"


def test_a_second_start_takes_nothing_from_the_job_at_work(tmp_path: Path, jobs: Jobs) -> None:
    """Two pages of one visitor, or a double click: the wish to stop lies in the folder that a start empties."""
    work = tmp_path / "ann"
    first = jobs.submit("ann", "train", work, TRAIN)
    wait(lambda: first.process is not None)
    (work / "dataset").mkdir()
    with pytest.raises(BadData, match="still at work"):
        jobs.submit("ann", "train", work, TRAIN, lambda: remove_results(work))
    assert (work / "dataset").is_dir()
    jobs.stop("ann")
    wait(lambda: first.ended)
    jobs.submit("ann", "train", work, TRAIN, lambda: remove_results(work))
    assert not (work / "dataset").exists()
    assert not (work / "stop").exists()  # the wish was about the first job


def test_a_stop_may_come_at_any_time(tmp_path: Path) -> None:
    """Queued, just started, at work: wherever it finds the job, the job ends, and the next one's turn comes."""
    jobs = Jobs(60, "demo_work")
    jobs.start()
    try:
        for pause in (0, 0, 0.01, 0.05, 0.2, 0.5):
            job = jobs.submit("ann", "train", tmp_path / "ann", TRAIN)
            time.sleep(pause)
            jobs.stop("ann")
            wait(lambda job=job: job.ended)
            assert state(tmp_path / "ann") == State(phase="done", stopped=True)
    finally:
        jobs.close()


@pytest.mark.parametrize("kind", ["check", "train"])
def test_a_stop_before_the_worker_begins_ends_it_before_it_does_anything(
    tmp_path: Path, kind: Literal["check", "train"]
) -> None:
    jobs = Jobs(60)
    job = jobs.submit("ann", kind, tmp_path / "work", CHECK if kind == "check" else TRAIN)
    jobs.stop("ann")  # the process is there, but it has not read a line yet
    wait(lambda: jobs.advance() or job.ended)
    assert state(job.folder).phase == "failed"
    assert "was stopped" in state(job.folder).error
    assert (job.folder / "worker.log").read_text().count("\n") == 1


def test_the_page_names_no_folder_of_the_machine(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    worker.note("stopped: /tmp/demo-1/visitors/s3cret/voice/clone has the best so far")
    worker.step("listening to /tmp/demo-1/visitors/s3cret/upload/talk.mp3", 1, 2)
    assert "s3cret" not in (tmp_path / STATE).read_text()
    assert state(tmp_path).notes == ["stopped: clone has the best so far"]


def test_a_stage_that_ends_does_not_look_as_if_it_hung(tmp_path: Path, jobs: Jobs) -> None:
    job = jobs.submit("ann", "check", tmp_path / "ann", CHECK)
    write(job.folder / STATE, State(stage="recordings", step=60, steps=60))
    html = working(job, 0, None)
    assert "60 of 60" not in html and "almost done" in html and "unknown" in html


def test_stages_are_told_in_plain_words(tmp_path: Path) -> None:
    job = Job("me", "check", tmp_path)
    for stage, words in (("speaker embedding", "closest to yours"), ("clips of a.wav", "checked"), ("xyz", "goes on")):
        write(tmp_path / STATE, State(stage=stage, step=3, steps=3))
        html = working(job, 0, None)
        assert words in html and stage not in html


def test_a_recording_in_which_nobody_speaks_is_refused_before_anybody_listens(tmp_path: Path) -> None:
    silent = Audio.silence(120, 24000).save(tmp_path / "silent.wav")
    hiss = Audio(np.random.default_rng(0).normal(0, 0.01, 24000 * 60).astype(np.float32), 24000)
    for path in (silent, hiss.save(tmp_path / "hiss.wav")):
        with pytest.raises(BadAudio, match="nobody is heard"):
            check_speech(path)
    check_speech(next(CLIPS.glob("*.ogg")))


def test_clips_are_corrected_left_out_and_taken_back(tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    (dataset / "wavs").mkdir(parents=True)
    (dataset / "rejected").mkdir()
    (tmp_path / "checks").mkdir()
    made = {"seconds": 3.0, "guessed": True}
    clips = [
        Clip(id="a", text="One.", file="wavs/a.wav", used=True, **made),
        Clip(id="b", text="Two.", file="rejected/b.wav", used=False, **made),
        Clip(id="c", text="", file="rejected/c.wav", used=False, **made),
    ]
    for clip in clips:
        (dataset / str(clip.file)).write_bytes(b"RIFF")
    (dataset / "metadata.csv").write_text("a|One.|one\n")
    write(tmp_path / "checks" / STATE, State(phase="done", clips=clips))
    found = Clips(tmp_path)
    assert found.checked and found.value()["guessed"] == 1
    found.edit("a", text="One | more.")
    found.edit("b", used=True)
    with pytest.raises(BadData, match="nothing can be learned"):
        found.edit("c", used=True)
    with pytest.raises(BadData, match="no such clip"):
        found.edit("../x", text="x")
    found.apply()
    assert (dataset / "metadata.csv").read_text() == "a|One   more.\nb|Two.\n"
    assert sorted(path.name for path in (dataset / "wavs").iterdir()) == ["a.wav", "b.wav"]
    found.edit("a", used=False)
    found.apply()
    assert (dataset / "rejected" / "a.wav").is_file() and found.minutes() == 0.05
    found.edit("b", used=False)
    with pytest.raises(BadData, match="at least one"):
        found.apply()


def state(folder: Path) -> State:
    """What was reported there."""
    found = read_state(folder)
    assert found is not None
    return found
