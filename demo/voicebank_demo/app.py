"""The app: tabs, visitors, and what is served."""

from __future__ import annotations

import argparse
import atexit
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

import voicebank
from voicebank_demo import api, detect, difference, make, speak, whose
from voicebank_demo.jobs import Jobs
from voicebank_demo.page import STATIC, UNQUEUED, Theme, render, static, text
from voicebank_demo.settings import Settings
from voicebank_demo.visitors import Demo, Visitor, Visitors


def build(root: Path) -> tuple[gr.Blocks, dict[str, Any]]:
    """The app, and what its ``launch`` is to be called with.

    Args:
        root: folder for everything that visitors leave; Gradio's own files go there, too.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(root / "uploads")
    bounds = Settings()
    jobs = Jobs(bounds.job_minutes)
    visitors = Visitors(root / "visitors", bounds.grace, bounds.age, lambda visitor: stays(visitor, jobs, bounds))
    demo = Demo(bounds, visitors, jobs)
    with gr.Blocks(title="voicebank", analytics_enabled=False, delete_cache=(60, 1800)) as blocks:
        text(render("head.html"))
        banner = text("", elem_id="banner")
        remembered = gr.BrowserState(None, storage_key="voicebank-visitor")
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab("Speak", id="speak"):
                spoken = speak.build(demo)
            with gr.Tab("Your voice", id="make"):
                make.build(demo, banner, spoken.voice)
            with gr.Tab("Compare", id="difference"):
                difference.build(demo)
            with gr.Tab("Whose voice?", id="whose"):
                whose.build(demo)
            with gr.Tab("Was this made here?", id="detect"):
                detect.build(demo)
        speak.build_calls(demo, spoken)
        foot = text(_foot(bounds, "no"), elem_id="foot")
        api.build(demo)

        _visits(blocks, demo, remembered, foot)
    blocks.queue(max_size=int(bounds.waiting), default_concurrency_limit=4)
    demo.visitors.start_sweeping()
    jobs.start()
    atexit.register(jobs.close)
    return blocks, {
        "theme": Theme(),
        "css": static("demo.css"),
        "js": f"() => {{ {static('page.js')} }}",
        "allowed_paths": [str(root / "visitors"), *(str(i.folder / "sample.ogg") for i in voicebank.voices())],
        "max_file_size": int(bounds.upload_megabytes * 1e6),
        "favicon_path": str(STATIC / "icon.svg"),
        "footer_links": [],
        "run_history": False,
        "share": False,
        "strict_cors": True,
        "pwa": False,
        "mcp_server": True,
        "enable_monitoring": False,  # else anybody may read how the demo is used
    }


def _visits(blocks: gr.Blocks, demo: Demo, remembered: gr.BrowserState, foot: gr.HTML) -> None:
    """What happens when a page is opened and closed."""

    def arrive(token: str | None, request: gr.Request) -> str:
        return demo.visitors.arrive(request.session_hash or "", token).token

    def leave(request: gr.Request) -> None:
        demo.visitors.leave(request.session_hash or "")

    def arrived() -> str:
        return _foot(demo.settings, "yes")

    # Not through the queue: who opens the page sees where they were, however many wait for speech.
    step = blocks.load(arrive, remembered, remembered, **UNQUEUED)
    for fill, inputs, outputs in demo.on_load:
        step = step.then(fill, inputs, outputs, **UNQUEUED)
    step.then(arrived, None, foot, **UNQUEUED)
    blocks.unload(leave)


def _foot(bounds: Settings, arrived: str) -> str:
    """The end of the page; ``arrived`` tells tests that all of it is drawn."""
    times = {"minutes": round(bounds.grace / 60, 1), "hours": round(bounds.job_grace / 3600, 1)}
    return render("foot.html", arrived=arrived, **times)


def stays(visitor: Visitor, jobs: Jobs, bounds: Settings) -> bool:
    """Whether the folder of a visitor who left is kept for longer: a voice is being made, or was just made."""
    if jobs.of(visitor.token) is not None:
        return True
    marks = [path.stat().st_mtime for path in visitor.work.glob("state.json")]
    return bool(marks) and time.time() - max(marks) < bounds.job_grace


def main(arguments: list[str] | None = None) -> None:
    """Run the app until it is interrupted."""
    parser = argparse.ArgumentParser(description="The web demo of voicebank.")
    parser.add_argument("--host", default=None, help="address to listen on; 0.0.0.0 for other machines")
    parser.add_argument("--port", type=int, default=None, help="port; the first free one from 7860 if left out")
    parser.add_argument("--open", action="store_true", help="open a browser")
    given = parser.parse_args(arguments)
    serve(given.host, given.port, given.open)


def serve(host: str | None = None, port: int | None = None, browser: bool = False) -> None:
    """Run the app until it is interrupted."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    root = Path(tempfile.mkdtemp(prefix="voicebank-demo-")).resolve()
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder goes then, too
    blocks, options = build(root)
    blocks.launch(server_name=host, server_port=port, inbrowser=browser, **options)
