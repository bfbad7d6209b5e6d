"""Work that takes minutes, in other processes: queues for checking clips, for long recordings, for making voices."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from voicebank import uploads
from voicebank.errors import BadData
from voicebank_demo.state import REQUEST, STATE, STOP, CheckRequest, State, TrainRequest, read_state, write

log = logging.getLogger("voicebank.demo")
Queue = Literal["check", "long", "train"]
PATIENCE = 300.0  # seconds that a worker may take to end after it was asked to stop: killed, it keeps nothing


@dataclass
class Job:
    """One piece of work of one visitor, in their folder."""

    owner: str
    queue: Queue
    folder: Path
    process: uploads.Background | None = None
    started: float = 0.0
    stopping: float = 0.0
    ended: bool = False
    asked: float = field(default_factory=time.monotonic)

    def state(self) -> State:
        """What the worker last wrote."""
        return read_state(self.folder) or State()


class Jobs:
    """First come, first served; a visitor has one job at a time, so nobody can fill a queue.

    Args:
        minutes: a worker that takes longer than this is asked to stop.
        module: whose ``main`` works in a job's folder.
    """

    def __init__(self, minutes: float, module: str = "voicebank_demo.worker") -> None:
        self.minutes, self.module = minutes, module
        self.lock = threading.RLock()
        self.queues: dict[Queue, list[Job]] = {"check": [], "long": [], "train": []}

    def submit(
        self,
        owner: str,
        queue: Queue,
        folder: Path,
        request: CheckRequest | TrainRequest,
        prepare: Callable[[], None] = lambda: None,
    ) -> Job:
        """Queue a job; ``folder`` takes its request and, while it runs, its state.

        Args:
            owner: whose it is.
            queue: which one it waits in. Clips do not wait behind long recordings, nor either behind voices.
            folder: made if need be.
            request: what the worker reads.
            prepare: called when it is sure that no other job of the visitor is at work in that folder, whose files
                (a wish to stop is one) would be lost.

        Raises:
            BadData: the visitor has a job that has not ended.
        """
        with self.lock:
            self.check_free(owner)
            prepare()
            folder.mkdir(parents=True, exist_ok=True)
            (folder / STOP).unlink(missing_ok=True)
            (folder / STATE).unlink(missing_ok=True)
            write(folder / REQUEST, request)
            job = Job(owner, queue, folder)
            self.queues[queue].append(job)
        self.advance()
        return job

    def check_free(self, owner: str) -> None:
        """Raise BadData if the visitor has a job that has not ended."""
        if self.of(owner) is not None:
            raise BadData("your last job is still at work: wait for it, or stop it")

    def of(self, owner: str) -> Job | None:
        """The visitor's job that waits or runs."""
        with self.lock:
            return next((job for queue in self.queues.values() for job in queue if job.owner == owner), None)

    def place(self, job: Job) -> int:
        """How many are before it: 0 while it runs."""
        with self.lock:
            queue = self.queues[job.queue]
            return queue.index(job) if job in queue else 0

    def wait_seconds(self, job: Job) -> float | None:
        """How long the running one still takes, if it says so; those between are not known."""
        with self.lock:
            queue = self.queues[job.queue]
            return queue[0].state().seconds_left if queue and queue[0] is not job else None

    def stop(self, owner: str) -> None:
        """Take a waiting job back; ask a running one to end with what it has."""
        with self.lock:
            job = self.of(owner)
            if job is None:
                return
            if job.process is None:
                self.queues[job.queue].remove(job)
                job.ended = True
            elif not job.stopping:
                job.stopping = time.monotonic()
                (job.folder / STOP).touch()

    def drop(self, owner: str) -> None:
        """End a visitor's job at once, whatever it has."""
        with self.lock:
            job = self.of(owner)
            if job is None:
                return
            if job.process is not None:
                job.process.kill()
                job.process.wait()
            self.queues[job.queue].remove(job)
            job.ended = True
        self.advance()

    def advance(self) -> None:
        """See who has ended, and start who is next."""
        with self.lock:
            for queue in self.queues.values():
                if queue and queue[0].process is not None and queue[0].process.poll() is not None:
                    self._ended(queue.pop(0))
                if queue and queue[0].process is None:
                    self._start(queue[0])
                elif queue:
                    self._watch(queue[0])

    def start(self) -> None:
        """Look after the queues from now on, in a thread that ends with the program."""

        def forever() -> None:
            while True:
                time.sleep(0.5)
                try:
                    self.advance()
                except OSError as error:
                    log.warning("a job could not be started: %s", error)

        threading.Thread(target=forever, name="jobs", daemon=True).start()

    def close(self) -> None:
        """End everything."""
        with self.lock:
            for owner in [job.owner for queue in self.queues.values() for job in queue]:
                job = self.of(owner)
                if job is not None and job.process is not None:
                    job.process.kill()
            for queue in self.queues.values():
                queue.clear()

    def _start(self, job: Job) -> None:
        job.started = time.monotonic()
        record = job.folder / "worker.log"
        record.write_bytes(b"")  # it is there, however early the process dies
        job.process = uploads.Background(self.module, job.folder, record)

    def _watch(self, job: Job) -> None:
        now = time.monotonic()
        if not job.stopping and now - job.started > 60 * self.minutes:
            self.stop(job.owner)
        if job.stopping and now - job.stopping > PATIENCE and job.process is not None:
            job.process.kill()

    def _ended(self, job: Job) -> None:
        job.ended = True
        state = job.state()
        if state.phase != "working":
            return
        last = (job.folder / "worker.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        log.warning(
            "%s ended early: %s", job.queue, last[0] if last else f"status {job.process and job.process.poll()}"
        )
        state.phase = "failed"
        state.error = "it was stopped" if job.stopping else "it ended without a result: start it again"
        write(job.folder / STATE, state)


def remove_results(folder: Path, keep: Callable[[Path], bool] = lambda path: False) -> None:
    """Empty a job's folder for a new start."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if not keep(path):
            (shutil.rmtree if path.is_dir() else os.unlink)(path)
