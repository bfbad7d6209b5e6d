"""The model card of a voice, ``README.md`` of its folder: made from its config and from what was measured."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCardData

from voicebank.config import VoiceConfig
from voicebank.errors import BadVoice

USAGE = """```python
# pip install voicebank
import voicebank

voice = voicebank.load({name})
voice.say("Hello there.").save("hello.wav")
```"""
OPEN, CLOSE = "<!-- voicebank:measured -->", "<!-- /voicebank:measured -->"
UNMEASURED = "Not measured yet."
PRIVATE = "Not stated: this voice is for private use, and not to be published."
WIDGET_TEXT = "This voice reads any English text, from the first word to the last."
# A card may come from anybody: parsing it must not be made slow.
MAX_METADATA = 20_000


def card(
    config: VoiceConfig,
    scores: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    repo: str | None = None,
    sample: bool = True,
) -> str:
    """The card of a voice.

    Args:
        config: of the voice.
        scores: contents of the files that ``voicebank evaluate`` writes, by a word that tells them apart:
            frontend names for ``scores.json``, ``ssrn`` for ``ssrn.json``.
        repo: where the voice is on the Hub; the usage then loads it from there.
        sample: whether ``sample.ogg`` lies beside the card.
    """
    return joined(metadata_of(config, scores or {}, sample), _body(config, scores or {}, repo))


def split(text: str) -> tuple[dict[str, Any], str]:
    """Metadata and body of a card.

    Raises:
        BadVoice: the metadata is too long, no YAML or no table.
    """
    text = text.replace("\r\n", "\n").lstrip("\ufeff")
    if not text.startswith("---\n"):
        return {}, text
    end = text.find("\n---", 3, MAX_METADATA)
    if end < 0:
        raise BadVoice(f"README.md has metadata without an end, or of more than {MAX_METADATA} characters: correct it")
    try:
        front = text[4 : end + 1]
        metadata = yaml.safe_load(front) or {}
        # With aliases a few lines stand for gigabytes.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(front)):
            raise BadVoice("README.md has aliases in its metadata: write them out")
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise BadVoice(f"README.md begins with metadata that is no YAML: correct it ({reason})") from error
    if not isinstance(metadata, dict) or not all(isinstance(key, str) for key in metadata):
        raise BadVoice("README.md begins with metadata that is no table: correct it")
    return metadata, text[end + 1 :].partition("\n")[2]


def joined(metadata: Mapping[str, Any], body: str) -> str:
    """The card of which :func:`split` gives these two."""
    front = yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True, width=110)
    return f"---\n{front}---\n\n{body.strip()}\n"


def measured_block(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """The section that stands between :data:`OPEN` and :data:`CLOSE`."""
    return "\n".join(["## Measured", "", *_measured(scores)])


def quoted(name: str) -> str:
    """A name as a literal of Python."""
    return json.dumps(name, ensure_ascii=False)


def tags(config: VoiceConfig) -> list[str]:
    """What the Hub finds a voice by."""
    about = (("accent", config.accent), ("gender", config.gender))
    return ["text-to-speech", "dctts", "voicebank", *(f"{k}-{slug(v)}" for k, v in about if v)]


def slug(word: str) -> str:
    """A word as it stands in a tag: ``British English`` is ``british-english``."""
    return re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")


def metadata_of(config: VoiceConfig, scores: Mapping[str, Mapping[str, Any]], sample: bool) -> dict[str, Any]:
    """The front matter of a card, in the fields that the Hub knows."""
    data = ModelCardData(
        library_name="voicebank",
        pipeline_tag="text-to-speech",
        language=config.language.split("-")[0],
        license=config.license.lower(),
        tags=tags(config),
        model_name=config.name,
        eval_results=_results(scores) or None,
    )
    parents = [repo for parent in parents_of(config) if (repo := _parent(parent))]
    if parents:
        mixed = len(parents_of(config)) > 1
        data["base_model"] = parents if mixed else parents[0]
        data["base_model_relation"] = "merge" if mixed else "finetune"
    if sample:
        data["widget"] = [{"text": WIDGET_TEXT, "output": {"url": "sample.ogg"}}]
    fields: dict[str, Any] = data.to_dict()  # type: ignore[no-untyped-call]
    fields.pop("model_name", None)
    return fields


def _results(scores: Mapping[str, Mapping[str, Any]]) -> list[EvalResult]:
    """Scores as the Hub shows them beside the card (``model-index``)."""
    metrics = (("wer", "word error rate, %", 100), ("cer", "character error rate, %", 100), ("dnsmos", "DNSMOS", 1))
    return [
        EvalResult(
            task_type="text-to-speech",
            task_name="Text to speech",
            dataset_type=f"voicebank-{name}",
            dataset_name=f"{results['sentences']} sentences, {name} frontend",
            metric_type=metric,
            metric_name=title,
            metric_value=round(factor * results[metric], 2),
        )
        for name, results in scores.items()
        if name != "ssrn"
        for metric, title, factor in metrics
        if results.get(metric) is not None
    ]


def parents_of(config: VoiceConfig) -> list[str]:
    """The voice that a clone was fine-tuned from, or the two that were mixed."""
    return config.parent.split(" + ") if config.parent else []


def _parent(parent: str) -> str | None:
    """The repository of a parent; none if it is a bundled voice and ``$VOICEBANK_ORG`` is not set."""
    if "/" in parent:
        return parent.split("@")[0]
    owner = os.environ.get("VOICEBANK_ORG")
    return f"{owner}/{parent}" if owner else None


def _body(config: VoiceConfig, scores: Mapping[str, Mapping[str, Any]], repo: str | None) -> str:
    what = plain(" ".join(w for w in (config.accent, config.gender) if w))
    article = "An" if what[:1].lower() in tuple("aeio") else "A"
    made = "Mixed from" if len(parents_of(config)) > 1 else "Fine-tuned from"
    parents = " and ".join(f"`{plain(parent)}`" for parent in parents_of(config))
    parent = [f"{made} {parents}.", ""] if parents else []
    notes = dict(config.training)
    minutes = notes.pop("minutes", None)
    notes.pop("private_use", None)
    lines = [
        f"# {plain(config.name)}",
        "",
        f"{article} {what or 'synthetic'} English voice for [voicebank](https://pypi.org/project/voicebank/): "
        f"Text2Mel and SSRN (DCTTS, arXiv:1710.08969), {config.audio.sample_rate / 1000:g} kHz.",
        "",
        "## Use",
        "",
        USAGE.format(name=quoted(repo or config.name)),
        "",
        "## Made from",
        "",
        plain(config.origin) or "Not stated.",
        "",
        *parent,
        f"- minutes of speech: {plain(minutes) if minutes is not None else 'not stated'}",
        *(f"- {plain(key).replace('_', ' ')}: {plain(value)}" for key, value in notes.items()),
        "",
        "## Consent",
        "",
        PRIVATE if config.private_use else plain(config.consent) or "Not stated.",
        "",
        OPEN,
        measured_block(scores),
        CLOSE,
        "",
        LIMITS,
    ]
    return "\n".join(lines)


LIMITS = """## Intended use and limits

For reading text aloud. Not for speaking in the name of a person who has not agreed to it, nor for
passing synthetic speech off as a recording: say that it is synthetic.

English only. It reads, it does not act: no laughing, whispering or singing. With the `graphemes`
frontend, names and other words that its dictionary lacks may be misread; the `phonemizer` frontend knows
more of them."""


def plain(value: Any) -> str:
    """A value as one line of text that no page takes for markup and no terminal obeys."""
    text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)
    return "".join(c for c in " ".join(text.split()) if c.isprintable()).replace("<", "&lt;")


def _measured(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A column for each frontend, and a line about SSRN."""
    spoken = {name: s for name, s in scores.items() if name != "ssrn"}
    lines = []
    if spoken:
        sets = list(spoken.values())
        rows = [
            ["word error rate", *(percent(s["wer"]) for s in sets)],
            ["character error rate", *(percent(s["cer"]) for s in sets)],
            ["DNSMOS overall", *(number(s["dnsmos"]) for s in sets)],
            [
                "sentences that skip, repeat, stop early or run away",
                *(f"{s['faulty']} of {s['sentences']}" for s in sets),
            ],
        ]
        if any("distillmos" in s for s in sets):
            rows.insert(2, ["DistillMOS", *(number(s.get("distillmos")) for s in sets)])
        for name, unit in (("pitch", "semitones"), ("energy", "dB")):
            key = f"{name}_spread"
            if any(s.get(key) is not None for s in sets):
                spreads = (f"{number(s.get(key))} ({number(s.get('own_' + key))})".removesuffix(" ()") for s in sets)
                rows.append([f"{name} spread within a clip, {unit} (of its own speaker)", *spreads])
        if other := next((s["against"]["against"] for s in sets if s.get("against")), None):
            differences = (_difference(s.get("against")) for s in sets)
            rows.append([f"word error rate less that of {other}, points (95 % interval)", *differences])
        for speaker in dict.fromkeys(speaker for s in sets for speaker in s["similarity"]):
            own = " (its own)" if any(speaker == s["own"] for s in sets) else ""
            values = (number(s["similarity"].get(speaker), 3) for s in sets)
            rows.append([f"similarity to the corpus {speaker}{own}", *values])
        took = [number(s.get("compute_per_second"), 3) for s in sets]
        if any(took):
            took = [f"{seconds} s" if seconds else "" for seconds in took]
            rows.append(["computing for 1 s of speech, one sentence, 2 cores", *took])
        lines = markdown_table(["measure", *(f"`{name}` frontend" for name in spoken)], rows).splitlines()
    if "ssrn" in scores:
        more, clips = 100 * scores["ssrn"]["more_wer"], scores["ssrn"]["truth"]["sentences"]
        lines += [""] * bool(lines)
        lines.append(f"SSRN alone, {clips} held-back clips: word error rate {more:+.1f} points to true magnitudes.")
    return lines or [UNMEASURED]


def _difference(against: Mapping[str, Any] | None) -> str:
    """Points of word error rate with their interval, of :class:`voicebank.evaluation.Comparison` as JSON."""
    if against is None:
        return ""
    value, low, high = (f"{100 * against['wer'][key]:+.1f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; what would break it is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(" ".join(c.split()).replace("|", r"\|") for c in line) + " |\n" for line in lines)


def percent(value: float) -> str:
    """A fraction as a percentage."""
    return f"{100 * value:.1f} %"


def number(value: float | None, decimals: int = 2) -> str:
    """So many decimals, nothing for None."""
    return "" if value is None else f"{value:.{decimals}f}"
