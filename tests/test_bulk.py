"""Bulk speech: every row once, whatever is killed, and broken rows by their reasons."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from clones import Recorded, doubled
from hub_server import Hub
from huggingface_hub import snapshot_download
from typer.testing import CliRunner

import voicebank
from voicebank.audio import Audio
from voicebank.bulk import run
from voicebank.bulk.rows import BrokenRow, Row, read_rows
from voicebank.bulk.run import batch
from voicebank.bulk.workers import TRIES, begun
from voicebank.cli import app
from voicebank.errors import BadData, ConsentError, HubError, UnknownName
from voicebank.hub import datasets
from voicebank.provenance import detect, voice_of

ROWS: list[dict[str, Any]] = [
    {"id": "one", "text": "One."},
    {"id": "two", "text": "Two.", "voice": "gb-female", "speed": 1.2},
    {"id": "empty", "text": " "},
    {"id": "nobody", "text": "Three.", "voice": "nobody"},
    {"id": "gif", "text": "GIF 日", "lexicon": '{"GIF": "dʒˈɪf"}'},
    {"id": "one", "text": "Again."},
    {"id": "../x", "text": "Out."},
    {"id": "fast", "text": "Fast.", "speed": 9},
]
pytest_plugins = ["hub_fixtures"]


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    lines = map(json.loads, (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines())
    return {line["id"]: line for line in lines}


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, untrained: Path) -> Path:
    folder = tmp_path_factory.mktemp("bulk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "BLOCK", 3)
        # An untrained voice never comes to the end of a sentence.
        batch([*ROWS, {"id": "endless", "text": "On and on.", "voice": str(untrained)}], folder / "out", workers=2)
    return folder / "out"


def test_each_row_is_spoken_once_or_has_its_reason(whole: Path) -> None:
    lines = manifest(whole)
    assert len(lines) == len(ROWS) + 1
    errors = {name: line["error"] for name, line in lines.items() if line["error"]}
    assert set(errors) == {"empty", "nobody", "one~5", "00000006", "fast", "endless"}
    assert "end" in errors["endless"]
    assert "unknown voice 'nobody'" in errors["nobody"] and "earlier row" in errors["one~5"]
    for name in ("one", "two", "gif"):
        line = lines[name]
        audio = Audio.read(whole / line["file"])
        assert audio.duration == pytest.approx(line["seconds"], abs=0.01) and len(line["digest"]) == 16
    assert lines["gif"]["misread"] == "日" and lines["two"]["voice"] == "gb-female"
    rows = (whole / "metadata.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "file_name,id,text,voice" and len(rows) == 4


def test_killed_it_goes_on_and_the_bytes_are_the_same(
    whole: Path, untrained: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    rows = [*ROWS, {"id": "endless", "text": "On and on.", "voice": str(untrained)}]
    source, out = table(tmp_path / "rows.jsonl", rows), tmp_path / "out"
    code = "import sys; from voicebank.bulk import run; run.BLOCK = 3; run.batch(sys.argv[1], sys.argv[2], workers=1)"
    command = [sys.executable, "-c", f"if __name__ == '__main__':\n    {code}", str(source), str(out)]
    with subprocess.Popen(command) as process:
        while not (out / "parts" / "part-000000.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.05)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert workers and not psutil.wait_procs(workers, timeout=10)[1], "they wait for ever"
    monkeypatch.setattr(run, "BLOCK", 3)
    seen = Recorded()
    batch(source, out, workers=1, progress=seen)
    done = [step[1] for step in seen.steps]
    assert done[0] >= 3 and done[-1] == len(rows)  # what was done is not done again
    for path in (path for path in whole.rglob("*") if path.is_file() and path.name != "job.json"):
        assert path.read_bytes() == (out / path.relative_to(whole)).read_bytes(), path
    with pytest.raises(BadData, match="holds another job"):
        batch(source, out, voice="gb-male")


def test_a_block_that_never_ends_is_given_up(tmp_path: Path) -> None:
    result = tmp_path / "part-000000.jsonl"
    for _ in range(TRIES):
        with contextlib.suppress(KeyboardInterrupt), begun(result):
            raise KeyboardInterrupt  # as good as a kill: nothing is tidied up
    with begun(result) as call, pytest.raises(BadData, match="died each time"):
        call(print, "never")
    assert not list(tmp_path.iterdir())


def test_shards_and_parquet(tmp_path: Path) -> None:
    rows = ROWS[:3]
    batch(rows, tmp_path / "tar", layout="webdataset", format="mp3", workers=1)
    with tarfile.open(tmp_path / "tar" / "part-000000.tar") as tar:
        assert tar.getnames() == ["one.mp3", "one.json", "two.mp3", "two.json"]
        sound = tar.extractfile("two.mp3")
        assert sound is not None and Audio.read(io.BytesIO(sound.read())).duration > 0.2
    parquet = pytest.importorskip("pyarrow.parquet")
    batch(rows, tmp_path / "parquet", layout="parquet", workers=1)
    found = parquet.read_table(tmp_path / "parquet" / "part-000000.parquet").to_pylist()
    assert [row["id"] for row in found] == ["one", "two"]
    assert Audio.read(io.BytesIO(found[0]["audio"]["bytes"])).sample_rate == 24000


def test_sources(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,Hello\n,World\n", encoding="utf-8")
    assert [row.id for row in read_rows(tmp_path / "a.csv")] == ["1", "00000001"]
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "b.txt").write_text("Hello.", encoding="utf-8")
    assert list(read_rows(tmp_path / "texts")) == [Row(id="b", text="Hello.")]
    (tmp_path / "a.jsonl").write_text("{}\nno\n", encoding="utf-8")
    assert [type(row) for row in read_rows(tmp_path / "a.jsonl")] == [Row, BrokenRow]
    for bad, message in (("nothing.csv", "cannot read"), ("a.xls", "is no table"), ("texts.csv", "no column text")):
        (tmp_path / "texts.csv").write_text("words\nx\n", encoding="utf-8")
        with pytest.raises(BadData, match=message):
            list(read_rows(tmp_path / bad))


def test_bad_jobs_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnknownName):
        batch(ROWS, tmp_path / "out", voice="nobody")
    with pytest.raises(BadData, match="holds no row"):
        batch([], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(BadData, match="something else"):
        batch(ROWS, tmp_path / "full")


def test_the_command(tmp_path: Path) -> None:
    long = {"id": "long", "text": "The train to London leaves at noon from the second platform."}
    source = table(tmp_path / "rows.jsonl", [long])
    result = CliRunner().invoke(app, ["batch", str(source), "-o", str(tmp_path / "out"), "--workers", "1"])
    assert result.exit_code == 0 and "1 of 1 rows" in result.output, result.output
    marked = detect(tmp_path / "out" / manifest(tmp_path / "out")["long"]["file"])
    assert marked.payload is not None and voice_of(marked.payload)
    failed = CliRunner().invoke(app, ["batch", str(tmp_path / "no.csv"), "-o", str(tmp_path / "new")])
    assert failed.exit_code == 2 and len(failed.stderr.splitlines()) == 1


def test_a_batch_goes_to_the_hub_as_a_dataset(
    whole: Path, hub: Hub, fast: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "FILES_A_COMMIT", 2)
    hub.cut("PUT /upload", after=10, times=1000)
    with pytest.raises(HubError):
        voicebank.push_dataset(whole, "me/speech")
    hub.faults.clear()
    result = CliRunner().invoke(app, ["push", str(whole), "me/speech", "--dataset"])
    assert result.exit_code == 0 and "/me/speech/commit/" in result.output, result.output
    there = snapshot_download("me/speech", repo_type="dataset", local_dir=tmp_path / "there")
    pushed = {
        path.relative_to(there) for path in Path(there).rglob("*") if path.is_file() and ".cache" not in path.parts
    }
    names = {path.relative_to(whole) for path in whole.rglob("*") if path.is_file() and path.name != "job.json"}
    assert pushed - {Path("README.md"), Path(".gitattributes")} == {n for n in names if n.parts[0] != "parts"}
    for name in pushed & names:
        assert (Path(there) / name).read_bytes() == (whole / name).read_bytes()
    card = (Path(there) / "README.md").read_text(encoding="utf-8")
    assert "3 texts" in card and "| gb-female | 1 |" in card and "synthetic" in card
    sent, commits = hub.count("PUT /upload"), len(hub.store.repos["me/speech"].commits)
    voicebank.push_dataset(whole, "me/speech")
    assert (hub.count("PUT /upload"), len(hub.store.repos["me/speech"].commits)) == (sent, commits)


def test_what_is_unfinished_or_private_is_not_pushed(whole: Path, hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no finished batch"):
        voicebank.push_dataset(tmp_path, "me/speech")
    private = Path(shutil.copytree(whole, tmp_path / "private"))
    text = (private / "manifest.jsonl").read_text(encoding="utf-8")
    (private / "manifest.jsonl").write_text(text.replace('"private_use":false', '"private_use":true'), encoding="utf-8")
    with pytest.raises(ConsentError, match="nobody's consent"):
        voicebank.push_dataset(private, "me/speech")
    next(private.rglob("*.flac")).unlink()
    (private / "manifest.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(BadData, match="lacks audio/"):
        voicebank.push_dataset(private, "me/speech")
    assert not hub.store.repos


@pytest.mark.long
def test_many_speakers_are_cloned_at_once(tmp_path: Path) -> None:
    doubled(tmp_path / "jane")
    doubled(tmp_path / "joe")
    rows = [
        {"dataset": str(tmp_path / "jane"), "consent": "Jane Doe, my own voice, for anything."},
        {"dataset": str(tmp_path / "joe"), "id": "me", "base": "us-female"},
        {"dataset": str(tmp_path / "joe"), "id": "me"},
        {"dataset": str(tmp_path / "nobody")},
        {"id": "none"},
    ]
    source, voices = table(tmp_path / "speakers.jsonl", rows), tmp_path / "voices"
    command = ["clone", str(source), "-o", str(voices), "--base", "us-male", "--workers", "2"]
    command += ["--steps", "1", "--ssrn-steps", "0", "--rehearsal", "0"]
    refused = CliRunner().invoke(app, [*command, "--consent", "all of them"])
    assert refused.exit_code == 2 and "columns" in refused.stderr
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0 and "2 of 5 speakers" in result.output, result.output
    lines = [json.loads(line) for line in (voices / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["base"] for line in lines] == ["us-male", "us-female", "", "", ""]
    assert "earlier row" in lines[2]["error"] and "no dataset" in lines[3]["error"] and "dataset" in lines[4]["error"]
    assert [voicebank.load(voices / name).config.private_use for name in ("jane", "me")] == [False, True]
    before = (voices / "jane" / "text2mel.safetensors").stat().st_mtime_ns
    settings = {"text2mel_steps": 1, "ssrn_steps": 0, "rehearsal": 0.0}
    again = voicebank.clone_batch(rows[:1], voices, base="us-male", settings=settings, workers=1)
    assert (again.rows, again.done, again.failed) == (1, 1, 0)
    assert (voices / "jane" / "text2mel.safetensors").stat().st_mtime_ns == before
