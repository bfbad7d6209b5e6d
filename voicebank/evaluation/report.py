"""Scores as files: JSON for programs, Markdown for people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from voicebank.errors import BadData
from voicebank.evaluation.scores import Scores, SentenceScore


def summary_lines(scores: Scores) -> list[tuple[str, str]]:
    """Measure and value, for a table."""
    lines = [
        ("sentences", f"{scores.sentences}, {scores.seconds / 60:.1f} min"),
        ("word error rate", _percent(scores.wer)),
        ("character error rate", _percent(scores.cer)),
        ("DNSMOS overall", _number(scores.dnsmos)),
        ("DNSMOS signal", _number(scores.dnsmos_signal)),
        ("DNSMOS background", _number(scores.dnsmos_background)),
    ]
    if scores.missing:
        lines.insert(1, ("sentences without a clip", str(scores.missing)))
    for name, value in scores.similarity.items():
        lines.append((f"similarity to {name}{' (its own)' if name == scores.own else ''}", f"{value:.3f}"))
    if scores.nearest_own is not None:
        lines.append(("clips nearest their own corpus", _percent(scores.nearest_own)))
    if scores.compute_per_second is not None:
        lines.append(("computing for 1 s of speech, median", f"{scores.compute_per_second:.3f} s"))
    lines += [
        ("ran away", str(scores.ran_away)),
        ("repeated", str(scores.repeated)),
        ("skipped", str(scores.skipped)),
        ("stopped early", str(scores.stopped_early)),
        ("sentences with any of these", str(scores.faulty)),
    ]
    return lines


def markdown(scores: Scores) -> str:
    """The summary as a table and every sentence as a row, worst first."""
    made = [scores.system]
    made += [f"frontend {scores.frontend}"] if scores.frontend else []
    made += [f"vocoder {scores.vocoder}"] if scores.vocoder else []
    table = markdown_table(("measure", "value"), summary_lines(scores))
    header = ("id", "words wrong", "DNSMOS", "similarity", "faults", "text", "heard")
    rows = markdown_table(header, [_row(row, scores.own) for row in scores.rows])
    return (
        f"# {', '.join(made)}\n\n"
        f"Heard by {scores.transcriber}, scored by voicebank {scores.voicebank_version}.\n\n"
        f"{table}\n## Sentences, worst first\n\n{rows}"
    )


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; what would break it is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(
        "| " + " | ".join(" ".join(c.split()).replace("|", r"\|") for c in line) + " |\n" for line in lines
    )


def write_report(folder: str | os.PathLike[str], name: str, result: BaseModel, text: str) -> None:
    """Write ``name.json`` and ``name.md`` into a folder, which is made; each appears only when complete.

    Raises:
        BadData: they cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in (
            (folder / f"{name}.json", result.model_dump_json(indent=1) + "\n"),
            (folder / f"{name}.md", text),
        ):
            partial = path.with_name(f".{path.name}.part")
            try:
                partial.write_text(content, encoding="utf-8")
                os.replace(partial, path)
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise BadData(f"cannot write the scores into {folder}: {error.strerror or error}") from error


def _row(row: SentenceScore, own: str | None) -> tuple[str, ...]:
    similarity = row.similarity.get(own) if own else None
    return (
        row.id,
        f"{row.word_errors} of {row.words}",
        _number(row.dnsmos),
        _number(similarity),
        ", ".join(row.faults),
        row.text,
        row.heard,
    )


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
