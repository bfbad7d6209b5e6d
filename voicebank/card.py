"""The model card of a voice: ``README.md`` of its folder, as the Hub shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicebank.config import VoiceConfig

USAGE = '''```python
import voicebank

voicebank.load("{name}").say("Hello there.").save("hello.wav")
```'''


def card(config: VoiceConfig, scores: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """The card of a voice, with the table of what was measured.

    Args:
        config: of the voice.
        scores: contents of the files that ``voicebank evaluate`` writes, by a word that tells them apart:
            frontend names for ``scores.json``, ``ssrn`` for ``ssrn.json``.
    """
    what = " ".join(w for w in (config.accent, config.gender) if w)
    lines = [
        "---",
        "library_name: voicebank",
        "pipeline_tag: text-to-speech",
        "language: en",
        f"license: {config.license}",
        "tags: [text-to-speech, dctts, voicebank]",
        "---",
        "",
        f"# {config.name}",
        "",
        f"A {what} English voice for [voicebank](https://pypi.org/project/voicebank/): Text2Mel and SSRN (DCTTS, "
        "arXiv:1710.08969), "
        f"{config.audio.sample_rate / 1000:g} kHz.",
        "",
        "## Use",
        "",
        USAGE.format(name=config.name),
        "",
        "## Made from",
        "",
        config.origin or "Not stated.",
        "",
        *(f"- {key.replace('_', ' ')}: {_plain(value)}" for key, value in config.training.items()),
        "",
        "## Measured",
        "",
        *_measured(scores or {}),
        "",
        "## Limits",
        "",
        "English only. It reads, it does not act: no laughing, whispering or singing. With the `graphemes` frontend",
        "words that its training text lacks may be misread; the `phonemizer` frontend reads them from a dictionary.",
        "",
    ]
    return "\n".join(lines)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return str(value)


def _measured(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows: list[tuple[str, str]] = []
    for name, s in scores.items():
        if name == "ssrn":
            rows.append(("SSRN alone: word error rate over that of true magnitudes", f"{100 * s['more_wer']:+.1f} points"))
            continue
        rows += [
            (f"word error rate, `{name}` frontend", f"{100 * s['wer']:.1f} %"),
            (f"character error rate, `{name}` frontend", f"{100 * s['cer']:.1f} %"),
            (f"DNSMOS overall, `{name}` frontend", f"{s['dnsmos']:.2f}"),
            (f"sentences that skip, repeat, stop early or run away, of {s['sentences']}", str(s["faulty"])),
        ]
        rows += [
            (f"similarity to the corpus {speaker}" + (" (its own)" if speaker == s["own"] else ""), f"{value:.3f}")
            for speaker, value in s["similarity"].items()
        ]
        if s.get("compute_per_second") is not None:
            rows.append(("computing for 1 s of speech, one sentence, 2 cores", f"{s['compute_per_second']:.3f} s"))
    if not rows:
        return ["Not measured yet."]
    return ["| measure | value |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)]
