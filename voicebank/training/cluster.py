"""Training on several devices and nodes, with Ray Train."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from voicebank.data.progress import NO_METRICS, Progress, Scalars
from voicebank.errors import BadData, VoicebankError, needs_extra
from voicebank.training.ray_cluster import connect
from voicebank.training.run import Network, train
from voicebank.training.runs import load_checkpoint
from voicebank.training.trainer import TrainerConfig

# Workers that may be lost, nodes with them, before a training is given up; it goes on from the last checkpoint.
LOST_MOST = 5
# Computing the features of a large corpus takes hours, in which all workers but one wait.
PATIENCE_SECONDS = 7 * 24 * 3600
# Steps between two messages to whoever started the training.
SEND_EVERY = 5


class Trained(NamedTuple):
    """How far a training came."""

    step: int
    best_step: int


def train_on_ray(
    network: Network,
    folders: Sequence[str | Path],
    run: str | Path,
    *,
    address: str,
    workers: int,
    config: TrainerConfig | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Trained:
    """Train one network with several workers, or go on with a run that was interrupted.

    Each worker has a CPU core, or as many as ``config.threads``, or a GPU where the cluster has enough of them and
    ``config.device`` is not ``cpu``. Each step takes ``batch_size`` clips a worker, so N workers learn what one process
    learns with N times the batch. A worker that is lost is replaced, and all go on from the last checkpoint.

    Args:
        network, folders, run, config, options: as for :func:`voicebank.training.run.train`. Every node must see the
            folders under these names.
        address: of the cluster, see :func:`voicebank.training.ray_cluster.connect`.
        workers: processes that train.
        progress: callbacks.

    Returns:
        The steps that the run folder has, and the one of its best weights.

    Raises:
        BadData: as for `train`; there is no such cluster, it is too small, or workers are lost again and again.
    """
    with needs_extra("ray"):
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
        from ray.util.queue import Queue
    connect(address)
    config, run = config or TrainerConfig(), Path(run).resolve()
    resources, gpu = _resources(workers, config)
    queue, over = Queue(), Queue()
    places = {key: value.resolve() if isinstance(value, Path) else value for key, value in options.items()}
    asked = {"network": network, "folders": [Path(folder).resolve() for folder in folders], "run": run, **places}
    # What Ray Train writes for itself; the run folder has all that it takes to go on.
    notes = run / "ray"
    shutil.rmtree(notes, ignore_errors=True)
    trainer = TorchTrainer(
        _work,
        train_loop_config={"asked": asked, "config": config.model_dump(), "queue": queue, "over": over},
        torch_config=TorchConfig(timeout_s=PATIENCE_SECONDS),
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpu, resources_per_worker=resources),
        run_config=RunConfig(name="ray", storage_path=str(run), failure_config=FailureConfig(max_failures=LOST_MOST)),
    )
    failed: list[str] = []
    listener = threading.Thread(target=_listen, args=(queue, progress or Progress(), failed), daemon=True)
    listener.start()
    try:
        trainer.fit()
    except Exception as error:  # Ray wraps whatever happens in a worker into classes of its own
        reason = failed[0] if failed else f"workers were lost {LOST_MOST} times; the last: {_first_line(error)}"
        raise BadData(f"{reason}; the same command goes on from the last checkpoint") from error
    finally:
        queue.put(None)
        listener.join(10)
        queue.shutdown(force=True)
        over.shutdown(force=True)
        shutil.rmtree(notes, ignore_errors=True)
    if failed:
        raise BadData(failed[0])
    _, state = load_checkpoint(run / "checkpoint.safetensors")
    return Trained(state["step"], state["best_step"])


def _resources(workers: int, config: TrainerConfig) -> tuple[dict[str, float], bool]:
    """What each worker reserves, and whether it is a GPU."""
    import ray

    cluster: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpu = config.device != "cpu" and cluster.get("GPU", 0) >= workers
    cores = config.threads or 1
    if cluster.get("CPU", 0) < workers * cores:
        raise BadData(
            f"the cluster has {cluster.get('CPU', 0):.0f} CPU cores, {workers} workers with {cores} each need more"
        )
    return {"CPU": cores, **({"GPU": 1} if gpu else {})}, gpu


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


class _Sender(Progress):
    """Sends what happens in a worker to whoever started the training."""

    def __init__(self, put: Callable[[tuple[str, tuple[Any, ...]]], Any]) -> None:
        self.put = put

    def step(
        self, stage: str, done: int, total: int, metrics: Scalars = NO_METRICS, seconds_left: float | None = None
    ) -> None:
        """Send every few steps, so that sending takes no time."""
        if done % SEND_EVERY == 0 or done == total:
            self.put(("step", (stage, done, total, dict(metrics), seconds_left)))

    def validated(self, stage: str, step: int, metrics: Scalars, best: bool) -> None:
        """Send all."""
        self.put(("validated", (stage, step, dict(metrics), best)))

    def note(self, text: str) -> None:
        """Send all."""
        self.put(("note", (text,)))


def _listen(queue: Any, progress: Progress, failed: list[str]) -> None:
    """Pass on what the workers send, until None comes."""
    while (message := queue.get()) is not None:
        kind, values = message
        if kind == "failed":
            failed.append(*values)
        else:
            getattr(progress, kind)(*values)


def _work(given: dict[str, Any]) -> None:
    """What each worker does."""
    from ray import train as ray_train

    if not given["over"].empty():
        return
    put = given["queue"].put
    first = ray_train.get_context().get_world_rank() == 0
    try:
        config = TrainerConfig(**given["config"])
        train(**given["asked"], config=config, progress=_Sender(put) if first else None)
    except VoicebankError as error:
        # Another try would end in the same way. The others find out as their group breaks.
        put(("failed", (str(error),)))
        given["over"].put(True)
