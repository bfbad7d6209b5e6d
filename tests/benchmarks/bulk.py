"""Bulk speech and training on Ray: what it costs beside plain processes, and that it stays flat and whole."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import resource
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import psutil
import torch
import typer

from voicebank.bulk.output import Spoken, part, write_block
from voicebank.bulk.run import Job, batch, rows_of, run_job
from voicebank.bulk.workers import begun, carry_out
from voicebank.config import PRESETS, VoiceConfig
from voicebank.data.progress import NO_METRICS, Progress, Scalars
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.training.cluster import train_on_ray
from voicebank.training.run import train
from voicebank.training.trainer import TrainerConfig

app = typer.Typer(no_args_is_help=True, help="Bulk speech and training on Ray.")
Rows = Annotated[int, typer.Option(help="Sentences.")]
Workers = Annotated[int, typer.Option(help="Processes or actors.")]
_SUBJECTS = ["the cat", "a neighbour", "my sister", "the old man", "nobody", "the teacher", "a sailor", "the queen"]
_VERBS = ["sees", "forgets", "paints", "follows", "hears", "repairs", "remembers", "sells"]
_PLACES = [
    "today",
    "at noon",
    "in May",
    "again",
    "by night",
    "at home",
    "alone",
    "too",
    "for hours",
    "in the end",
    "twice",
    "for me",
]
_OBJECTS = ["the boat", "a letter", "seven apples", "the garden", "his watch", "an old song", "the river", "the door"]


def sentences(count: int) -> Iterator[dict[str, Any]]:
    """Short sentences of about two seconds, six thousand different ones."""
    words = itertools.cycle(itertools.product(_PLACES, _SUBJECTS, _VERBS, _OBJECTS))
    for number, (where, who, does, what) in zip(range(count), words, strict=False):
        yield {"id": f"{number:08d}", "text": f"{who.capitalize()} {does} {what} {where}."}


class _Steps(Progress):
    """Calls a function with what is done and how much there is."""

    def __init__(self, call: Callable[[int, int], None]) -> None:
        self.call = call

    def step(
        self, stage: str, done: int, total: int, metrics: Scalars = NO_METRICS, seconds_left: float | None = None
    ) -> None:
        self.call(done, total)


@contextmanager
def one_node(workers: int) -> Iterator[float]:
    """A Ray cluster of one node; the seconds that its start took."""
    import ray

    began = time.monotonic()
    ray.init(
        address="local",
        num_cpus=workers,
        object_store_memory=200 << 20,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        # Workers would give way to whatever else the machine does (nice 15), and plain processes would not.
        _system_config={"worker_niceness": 0},
    )
    try:
        yield time.monotonic() - began
    finally:
        ray.shutdown()


@app.command()
def overhead(rows: Rows = 2000, workers: Workers = 2, turns: Annotated[int, typer.Option(help="Of each.")] = 2) -> None:
    """The same sentences by plain processes and by Ray actors on one node, in turns."""
    seconds: dict[str, list[float]] = {"processes": [], "Ray": []}
    starts, computing = [], []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(turns):
            for name, address in (("processes", None), ("Ray", "local")):
                with one_node(workers) if address else nullcontext(0.0) as start:
                    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
                    done = batch(sentences(rows), Path(folder) / f"{name}-{turn}", workers=workers, ray=address)
                    seconds[name].append(time.monotonic() - began)
                if address:
                    starts.append(start)
                else:
                    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
                    computing.append(ended.ru_utime + ended.ru_stime - used.ru_utime - used.ru_stime)
                load = f"load of the machine {os.getloadavg()[0]:.1f} of {os.cpu_count()}"
                print(f"{name}: {seconds[name][-1]:.1f} s, {load}", flush=True)
    plain, ours = map(min, seconds.values())
    print(
        f"{rows} sentences, {done.seconds / 60:.0f} minutes of speech, {workers} workers: {rows / plain:.1f} and "
        f"{rows / ours:.1f} sentences a second; {min(computing) / done.seconds:.3f} s of a core for a second of speech"
    )
    print(
        f"Ray takes {100 * (ours / plain - 1):+.1f} %, with the start of the cluster ({min(starts):.1f} s) "
        f"{100 * ((ours + min(starts)) / plain - 1):+.1f} %"
    )


@app.command()
def broken(rows: Rows = 10_000, workers: Workers = 1, ray: bool = False) -> None:
    """Three broken rows among many: an empty text, a voice that is not there, one that never ends. And the memory."""
    resident: list[float] = []

    def measure(done: int, total: int) -> None:
        """Of the largest worker, when a block is done."""
        every = [one.memory_info().rss / 1e6 for one in psutil.Process().children(recursive=True)]
        resident.append(max(every, default=0))
        if len(resident) % 10 == 0:
            print(f"{done} of {total}: {resident[-1]:.0f} MB", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        table = list(sentences(rows))
        table[rows // 4]["text"] = " "
        table[rows // 2]["voice"] = "nobody"
        table[rows - 1]["voice"] = str(_endless(Path(folder) / "endless"))
        began = time.monotonic()
        with one_node(workers) if ray else nullcontext():
            done = batch(
                table,
                Path(folder) / "out",
                layout="webdataset",
                workers=workers,
                ray="local" if ray else None,
                progress=_Steps(measure),
            )
        lines = [json.loads(line) for line in done.manifest.read_text(encoding="utf-8").splitlines()]
        names = set()
        for shard in done.manifest.parent.glob("*.tar"):
            with tarfile.open(shard) as tar:
                names |= {member.name for member in tar if member.name.endswith(".flac") and member.size}
        print(
            f"{done.rows} rows in {time.monotonic() - began:.0f} s: {done.done} spoken, {len(names)} files, "
            f"{len({line['id'] for line in lines})} ids; {done.seconds / 3600:.2f} hours of speech"
        )
        for line in lines:
            if line["error"]:
                print(f"  {line['id']}: {line['error']}")
    resident = resident[1:]  # the first was before any
    tenth = max(1, len(resident) // 10)
    first, last = max(resident[:tenth]), max(resident)
    peaks = [round(max(resident[i : i + tenth])) for i in range(0, len(resident), tenth)]
    print(f"resident memory of a worker in each tenth of the blocks, MB: {peaks}")
    print(f"peak of the first tenth {first:.0f} MB, of all {last:.0f} MB: {100 * (last / first - 1):+.1f} %")


def _endless(folder: Path) -> Path:
    """A voice that was never trained, and so never comes to an end."""
    torch.manual_seed(0)
    text2mel, ssrn = PRESETS["tiny"]
    config = VoiceConfig(name="endless", text2mel=text2mel, ssrn=ssrn)
    audio = config.audio
    networks = Text2Mel(text2mel, audio.n_mels), SSRN(ssrn, audio.n_mels, audio.bins, audio.reduction)
    return Synthesizer(config, *networks).save(folder)


def stub(job: Job, number: int, content: str) -> None:
    """Ends as speaking does, without speech."""
    lines = [(Spoken(id=row.id, text=getattr(row, "text", ""), seconds=1.0), None) for row in rows_of(content)]
    with begun(part(Path(job.folder), number)):
        write_block(Path(job.folder), number, job.layout, job.format, lines)


@app.command()
def scheduling(rows: Rows = 1_000_000, workers: Workers = 2, ray: bool = True) -> None:
    """Rows a second where speaking takes no time: reading, planning, handing out, manifest."""
    with tempfile.TemporaryDirectory() as folder:
        job = Job(folder, "us-male", "webdataset", "flac")
        for name, address in (("processes", None), *((("Ray", "local"),) if ray else ())):
            place = job._replace(folder=f"{folder}/{name}")
            with one_node(workers) if address else nullcontext():
                seen: list[float] = []
                began = time.monotonic()
                work = partial(stub, place)
                run_job(
                    sentences(rows),
                    place,
                    work,
                    workers=workers,
                    ray=address,
                    progress=_Steps(lambda done, total, seen=seen: seen.append(time.monotonic())),
                )
                took = time.monotonic() - began
                joined = took - (seen[-1] - began)
                print(
                    f"{name}, {workers} workers: {rows} rows in {took:.0f} s, {rows / took:.0f} rows a second; "
                    f"planning {seen[0] - began:.0f} s, blocks {seen[-1] - seen[0]:.0f} s "
                    f"({len(seen) / (seen[-1] - seen[0]):.0f} a second), manifest {joined:.0f} s; "
                    f"peak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB"
                )


@app.command()
def actors(count: Annotated[int, typer.Option(help="Simulated workers.")] = 100, seconds: float = 1.0) -> None:
    """Many actors on one node that claims to have as many cores, each waiting in place of speaking."""
    blocks = dict.fromkeys(range(10 * count), "")
    with one_node(count):
        began = time.monotonic()
        first = 0.0
        for _ in carry_out(partial(_wait, seconds), blocks, workers=count, ray="local"):
            first = first or time.monotonic() - began
        took = time.monotonic() - began
    print(
        f"{count} actors, {len(blocks)} blocks of {seconds:g} s: {took:.0f} s, the first after {first:.0f} s; "
        f"at best {10 * seconds:.0f} s"
    )


def _wait(seconds: float, number: int, content: str) -> None:
    time.sleep(seconds)


@app.command()
def ddp(
    corpus: Annotated[Path, typer.Argument(help="A dataset.")],
    steps: Annotated[int, typer.Option(help="Of each training.")] = 200,
    batch_size: Annotated[int, typer.Option(help="Clips a step, of all workers together.")] = 16,
    preset: Annotated[str, typer.Option(help="Sizes of Text2Mel.")] = "tiny",
    frontend: Annotated[str, typer.Option(help="phonemizer or graphemes.")] = "graphemes",
) -> None:
    """Two workers against one process with the same batch, beside another seed; and one that is killed halfway."""
    phones = None if frontend == "graphemes" else frontend
    every = max(1, steps // 8)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        options: dict[str, Any] = {"preset": preset, "frontend": phones, "cache": folder / "features", "held_back": 20}
        config = TrainerConfig(
            steps=steps,
            warmup=steps // 10,
            validate_every=every,
            checkpoint_seconds=1,
            picture_every=steps,
            device="cpu",
        )
        for name, seed in (("one process", 0), ("another seed", 1)):
            train(
                "text2mel",
                [corpus],
                folder / name,
                config=config.model_copy(update={"seed": seed}),
                batch_size=batch_size,
                **options,
            )
        with one_node(2):
            for name in ("two workers", "one killed"):
                if name == "one killed":
                    threading.Thread(target=_kill_halfway, args=(folder / name, steps), daemon=True).start()
                train_on_ray(
                    "text2mel",
                    [corpus],
                    folder / name,
                    address="local",
                    workers=2,
                    config=config,
                    batch_size=batch_size // 2,
                    **options,
                )
        runs = [path.parent.name for path in sorted(folder.glob("*/metrics.jsonl"))]
        print(f"validation l1 every {every} steps:")
        curves = {name: _curve(folder / name) for name in runs}
        for name, curve in curves.items():
            print(f"  {name:14} {' '.join(f'{value:.4f}' for value in curve)}")
        for name in runs:
            apart = [abs(a / b - 1) for a, b in zip(curves[name], curves["one process"], strict=True)]
            print(
                f"  {name} is {100 * sum(apart) / len(apart):.2f} % from one process, at most {100 * max(apart):.2f} %"
            )


def _curve(folder: Path) -> list[float]:
    """Of each step the last: what is done again after a worker was lost is written again."""
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return list({row["step"]: row["l1"] for row in rows if row["kind"] == "validation"}.values())


def _kill_halfway(folder: Path, steps: int) -> None:
    while True:
        time.sleep(0.1)
        log = folder / "metrics.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        if lines and json.loads(lines[-1])["step"] >= steps // 2:
            break
    for process in psutil.process_iter(["cmdline"]):
        title = " ".join(process.info["cmdline"] or ())
        if title.startswith("ray::") and "RayTrainWorker" in title:
            process.kill()
            print(f"killed a worker at step {json.loads(lines[-1])['step']} or later")
            return


@app.command()
def corpora(
    corpus: Annotated[Path, typer.Argument(help="A dataset, which is taken again and again.")],
    hours: Annotated[str, typer.Option(help="Of speech; each is trained on for some steps.")] = "1,10",
    steps: Annotated[int, typer.Option(help="Of each training.")] = 20,
) -> None:
    """Memory of a training that must be there, and memory that is the file's and can go, by hours of speech."""
    context = multiprocessing.get_context("spawn")
    for network in ("ssrn", "text2mel"):
        for length in map(float, hours.split(",")):
            with tempfile.TemporaryDirectory() as folder, context.Pool(1) as pool:
                print(network, pool.apply(_train_large, (network, corpus, Path(folder), length, steps)))


def _train_large(network: str, corpus: Path, folder: Path, hours: float, steps: int) -> str:
    from dataclasses import replace

    import numpy as np

    from voicebank.config import AudioConfig
    from voicebank.data.dataset import Dataset
    from voicebank.training import features
    from voicebank.training.ssrn import SSRNTask
    from voicebank.training.tasks import Text2MelTask
    from voicebank.training.trainer import Trainer

    audio = AudioConfig()
    small = features.build(Dataset.read(corpus), audio, None, folder)
    times = max(1, round(60 * hours / small.minutes))
    for name, array in (("samples", small.samples), ("mel", small.mel)):
        with open(folder / name, "wb") as file:
            for _ in range(times):
                file.write(array.tobytes())
    clips = []
    for i in range(times):
        for clip in small.clips:
            samples, frames = (
                tuple(at + i * len(a) for at in span)
                for span, a in ((clip.samples, small.samples), (clip.frames, small.mel))
            )
            # Texts of their own, as of other clips.
            text, units = f"{clip.text} {i}", [type(unit)(*(f"{part}" for part in unit)) for unit in clip.units]
            clips.append(replace(clip, id=f"{clip.id}-{i}", text=text, samples=samples, frames=frames, units=units))
    large = replace(
        small,
        samples=np.memmap(folder / "samples", np.int16, "r"),
        mel=np.memmap(folder / "mel", np.float16, "r").reshape(-1, audio.n_mels),
        clips=clips,
    )
    began = time.monotonic()
    text2mel, ssrn = PRESETS["tiny"]
    if network == "ssrn":
        task: Any = SSRNTask(SSRN(ssrn, audio.n_mels, audio.bins, audio.reduction), [large], audio, batch_size=4)
    else:
        task = Text2MelTask(Text2Mel(text2mel, audio.n_mels), [large], audio, batch_size=4)
    prepared = time.monotonic() - began
    Trainer(task, folder / "run", TrainerConfig(steps=steps, device="cpu"), {"task": network, "config": {}}).run()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    own, mapped, peak = (int(status[key].split()[0]) / 1e3 for key in ("RssAnon", "RssFile", "VmHWM"))
    size = (large.samples.nbytes + large.mel.nbytes) / 1e6
    return (
        f"{hours:g} h, {len(clips)} clips, {size:.0f} MB of features: own memory {own:.0f} MB, mapped {mapped:.0f}, "
        f"peak of both {peak:.0f} MB; prepared in {prepared:.0f} s"
    )
