"""What the parts of the demo share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from voicebank_demo.jobs import Jobs
from voicebank_demo.settings import Settings
from voicebank_demo.visitors import Visitor, Visitors


@dataclass(frozen=True)
class Demo:
    """One running demo."""

    settings: Settings
    visitors: Visitors
    jobs: Jobs
    looks: list[tuple[Any, Any, Any]] = field(default_factory=list)
    """What is shown anew when a page is opened: function, inputs, outputs."""

    def visitor(self, request: gr.Request) -> Visitor:
        """Whose page an event comes from."""
        return self.visitors.arrive(request.session_hash or "")

    def uploaded(self, files: list[str] | str | None, request: gr.Request) -> None:
        """Remember where Gradio put a visitor's files."""
        paths = [files] if isinstance(files, str) else files or []
        self.visitor(request).uploads.update(Path(path) for path in paths)
