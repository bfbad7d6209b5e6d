"""What the tests share."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

# Before torch loads: threads of their own in every worker and what it starts make two cores slower, by far. A worker
# inherits what the process that started it had set.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
else:
    os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# No test may depend on the network, nor be slow where it hangs.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from voicebank.audio import Audio  # noqa: E402

if TYPE_CHECKING:
    from demo_browser import Page
    from demo_server import Server
    from hub_server import Hub


SHARE_THE_DEMO = tuple(f"test_demo_{what}.py" for what in ("api", "browser", "make", "record"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of several processes one gets all tests of a file, and one all of the demo: it starts once, with one browser."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "demo" if file.endswith(SHARE_THE_DEMO) else file

    return Scheduling(config, log)


# One compiles the loops for all that follow, the other those of an environment of its own.
FIRST = "test_cloning.py", "test_packages.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no core is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name not in FIRST, item.path not in slow))


def pytest_collection_finish() -> None:
    """What is imported by now stays: Python need not look through all of it again for what nobody uses."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def tone() -> Audio:
    """Half a second of a 440 Hz tone at 24 kHz, fading in and out."""
    time = np.arange(12000) / 24000
    return Audio(0.5 * np.sin(2 * np.pi * 440 * time) * np.hanning(len(time)), 24000)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What base voices say for clones is spoken by the tests, once for all processes, and not taken from the user."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEBANK_CACHE", str(folder / "cache"))
        yield


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for a quarter of a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield disk
    subprocess.run(["umount", disk], check=True)


# One demo, one Hub for it and one browser serve all tests of the demo: to start them takes longer than most of those.


@pytest.fixture(scope="session")
def demo_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The Hub that the demo knows."""
    from hub_server import Hub

    with Hub(tmp_path_factory.mktemp("hub")) as started:
        yield started


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_hub: Hub) -> Iterator[Server]:
    """A demo with small bounds."""
    from demo_server import serving
    from hub_client import environment

    folder = tmp_path_factory.mktemp("demo")
    known = environment(demo_hub, folder / "hf", token=None)
    with serving(folder, known, GRACE=8, JOB_GRACE=8, STEPS=2, LISTEN=0, UPLOAD_MB=9, CLIP_SECONDS=20) as started:
        yield started


@pytest.fixture(scope="session")
def visitor(demo: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A real browser that visits the demo."""
    from demo_chromium import visiting

    with visiting(demo.url, tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def page(visitor: Page) -> Iterator[Page]:
    """The demo's page in it. It is left after each file: a page that nobody looks at takes a good part of a core."""
    visitor.open()
    yield visitor
    visitor.driver.get("about:blank")
