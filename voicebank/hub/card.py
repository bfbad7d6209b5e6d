"""The model card of a voice: ``README.md`` of its folder, as the Hub shows it.

A card is made of blocks, each between two comments that do not show; the first holds a hash of what stands between
them. So a later card tells what a person wrote from what was generated: a block that was edited stays as it is, and so
does every word outside the blocks. A block that was deleted stays away.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml  # type: ignore[import-untyped]

from voicebank.config import VoiceConfig
from voicebank.errors import BadVoice

USAGE = """```python
# pip install voicebank
import voicebank

voice = voicebank.load("{name}")
voice.say("Hello there.").save("hello.wav")
```"""
UNMEASURED = "Not measured yet."
PRIVATE = "Not stated: this voice is for private use, and not to be published."
WIDGET_TEXT = "This voice reads any English text, from the first word to the last."
# What the library decides, whatever a card said before.
_OURS = ("library_name", "pipeline_tag", "base_model", "base_model_relation")

_META = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_BLOCK = re.compile(
    r"<!-- voicebank:(?P<name>[a-z]+) (?P<hash>[0-9a-f]{12}) -->\n(?P<text>.*?)\n?<!-- /voicebank:(?P=name) -->",
    re.DOTALL,
)
# Either pattern must stay quick on a card that was made to slow it down: it may come from somebody else's repository.
_SEAL = re.compile(r"(?:(?<!\n)\n+)?<!-- voicebank card ([0-9a-f]{12}) -->\n*")
MOST_BLOCKS, MOST_METADATA = 50, 100_000


def card(
    config: VoiceConfig,
    scores: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    repo: str | None = None,
    sample: bool = True,
) -> str:
    """The card of a voice, with the table of what was measured.

    Args:
        config: of the voice.
        scores: contents of the files that ``voicebank evaluate`` writes, by a word that tells them apart:
            frontend names for ``scores.json``, ``ssrn`` for ``ssrn.json``.
        repo: where the voice is on the Hub; the usage then loads it from there.
        sample: whether ``sample.ogg`` lies beside the card.
    """
    blocks = "\n\n".join(_block(name, lines) for name, lines in _blocks(config, scores or {}, repo).items())
    return _sealed(_front(_metadata(config, sample)) + "\n" + blocks)


def merge(fresh: str, *, local: str | None = None, remote: str | None = None) -> str:
    """The fresh card with the words that people wrote into older ones.

    Args:
        fresh: what :func:`card` made.
        local: the card that lies in the voice's folder.
        remote: the card that stands on the Hub.

    Raises:
        BadVoice: both were edited, differently, or the metadata of one is not valid.
    """
    for older in (local, remote):
        if older is not None and older.count("<!-- voicebank") > MOST_BLOCKS:
            raise BadVoice(f"README.md holds more than {MOST_BLOCKS} generated blocks: correct it")
    base = _base(local, remote)
    if base is None:
        return fresh
    new = {m["name"]: m[0] for m in _BLOCK.finditer(fresh)}
    for found in _BLOCK.finditer(local or ""):
        # Scores belong to the weights that they lie beside.
        if found["name"] == "measured" and UNMEASURED in new.get("measured", ""):
            new["measured"] = found[0]

    def replace(found: re.Match[str]) -> str:
        return new.get(found["name"], found[0]) if _intact(found) else found[0]

    metadata = _read_front(fresh)
    ours = dict(metadata)
    for older in (remote, local):
        for key, value in _read_front(older or "").items():
            if key == "tags":
                tags = [tag for tag in (value if isinstance(value, list) else [value]) if isinstance(tag, (str, int))]
                # Those of accent and gender are the config's, which may have changed.
                added = [t for t in tags if t not in ours["tags"] and not str(t).startswith(("accent-", "gender-"))]
                metadata["tags"] = [*metadata["tags"], *(t for t in added if t not in metadata["tags"])]
            elif key not in _OURS and value != ours.get(key):
                metadata[key] = value
    body = _BLOCK.sub(replace, _META.sub("", _unsealed(base), count=1))
    return _sealed(_front(metadata) + body)


def _base(local: str | None, remote: str | None) -> str | None:
    """The older card whose words go on: of two, the one that has those of the other too."""
    if local is None or remote is None:
        return _newlines(remote) if local is None else _newlines(local)
    local, remote = _newlines(local) or "", _newlines(remote) or ""
    here, there = _written(local), _written(remote)
    if there <= here:
        return local
    if here <= there:
        return remote
    *_, sealed = (None, *_SEAL.finditer(remote))
    if sealed and sealed.end() == len(remote) and sealed[1] == _hash(remote[: sealed.start()]):
        return local  # nobody has edited it on the Hub since it was pushed from here
    raise BadVoice(
        "README.md was edited both here and on the Hub: bring the lines of the one on the Hub into the one here, "
        "then push again"
    )


def _written(text: str) -> set[str]:
    """Lines that a person wrote."""
    text = _META.sub("", _unsealed(text), count=1)
    text = _BLOCK.sub(lambda m: "" if _intact(m) else m["text"], text)
    return {line.strip() for line in text.splitlines() if line.strip()}


def _newlines(text: str | None) -> str | None:
    return None if text is None else text.replace("\r\n", "\n").lstrip("\ufeff")


def _hash(text: str) -> str:
    return hashlib.sha256(text.strip().encode("utf-8")).hexdigest()[:12]


def _intact(block: re.Match[str]) -> bool:
    return _hash(block["text"]) == block["hash"]


def _block(name: str, lines: list[str]) -> str:
    text = "\n".join(lines).strip()
    return f"<!-- voicebank:{name} {_hash(text)} -->\n{text}\n<!-- /voicebank:{name} -->"


def _sealed(text: str) -> str:
    text = text.rstrip()
    return f"{text}\n\n<!-- voicebank card {_hash(text)} -->\n"


def _unsealed(text: str) -> str:
    """Without seals, at the end or, where somebody wrote below one, before it."""
    return _SEAL.sub("\n\n", text)


def _front(metadata: Mapping[str, Any]) -> str:
    return f"---\n{yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True, width=110)}---\n"


def _read_front(text: str) -> dict[str, Any]:
    found = _META.match(_newlines(text) or "")
    if found is None:
        return {}
    if len(found[1]) > MOST_METADATA:
        raise BadVoice(f"README.md begins with more than {MOST_METADATA} characters of metadata: correct it")
    try:
        metadata = yaml.safe_load(found[1]) or {}
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise BadVoice(f"README.md begins with metadata that is no YAML: correct it ({reason})") from error
    if not isinstance(metadata, dict):
        raise BadVoice("README.md begins with metadata that is no table: correct it")
    return metadata


def tags(config: VoiceConfig) -> list[str]:
    """What the Hub finds a voice by."""
    about = (("accent", config.accent), ("gender", config.gender))
    return ["text-to-speech", "dctts", "voicebank", *(f"{k}-{slug(v)}" for k, v in about if v)]


def slug(word: str) -> str:
    """A word as it stands in a tag: ``British English`` is ``british-english``."""
    return re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")


def _metadata(config: VoiceConfig, sample: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "library_name": "voicebank",
        "pipeline_tag": "text-to-speech",
        "language": config.language.split("-")[0],
        "license": config.license.lower(),
        "tags": tags(config),
    }
    if config.parent and (parent := _parent(config.parent)):
        data |= {"base_model": parent, "base_model_relation": "finetune"}
    if sample:
        data["widget"] = [{"text": WIDGET_TEXT, "output": {"url": "sample.ogg"}}]
    return data


def _parent(parent: str) -> str | None:
    """The repository of a parent; none if it is a bundled voice and nobody said where those are on the Hub."""
    if "/" in parent:
        return parent.split("@")[0]
    owner = os.environ.get("VOICEBANK_ORG")
    return f"{owner}/{parent}" if owner else None


def _blocks(config: VoiceConfig, scores: Mapping[str, Mapping[str, Any]], repo: str | None) -> dict[str, list[str]]:
    what = _plain(" ".join(w for w in (config.accent, config.gender) if w))
    article = "An" if what[:1].lower() in tuple("aeio") else "A"
    parent = [f"Fine-tuned from `{_plain(config.parent)}`.", ""] if config.parent else []
    notes = dict(config.training)
    minutes = notes.pop("minutes", None)
    notes.pop("private_use", None)
    return {
        "about": [
            f"# {_plain(config.name)}",
            "",
            f"{article} {what or 'synthetic'} English voice for [voicebank](https://pypi.org/project/voicebank/): "
            f"Text2Mel and SSRN (DCTTS, arXiv:1710.08969), {config.audio.sample_rate / 1000:g} kHz.",
        ],
        "use": ["## Use", "", USAGE.format(name=repo or config.name)],
        "origin": [
            "## Made from",
            "",
            _plain(config.origin) or "Not stated.",
            "",
            *parent,
            f"- minutes of speech: {_plain(minutes) if minutes is not None else 'not stated'}",
            *(f"- {_plain(key).replace('_', ' ')}: {_plain(value)}" for key, value in notes.items()),
        ],
        "consent": ["## Consent", "", _plain(config.consent) or (PRIVATE if config.private_use else "Not stated.")],
        "measured": ["## Measured", "", *_measured(scores)],
        "limits": [
            "## Intended use and limits",
            "",
            "For reading text aloud. Not for speaking in the name of a person who has not agreed to it, nor for",
            "passing synthetic speech off as a recording: say that it is synthetic.",
            "",
            "English only. It reads, it does not act: no laughing, whispering or singing. With the `graphemes`",
            "frontend, words that its training text lacks may be misread; the `phonemizer` frontend reads them from a",
            "dictionary.",
        ],
    }


def _plain(value: Any) -> str:
    text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)
    return " ".join(text.split()).replace("<", "&lt;")


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
                spreads = (f"{number(s.get(key))} ({number(s.get('own_' + key))})" for s in sets)
                rows.append([f"{name} spread within a clip, {unit} (of its own speaker)", *spreads])
        if other := next((s["against"]["against"] for s in sets if s.get("against")), None):
            differences = (_difference(s.get("against")) for s in sets)
            rows.append([f"word error rate less that of {other}, points (95 % interval)", *differences])
        for speaker in dict.fromkeys(speaker for s in sets for speaker in s["similarity"]):
            own = " (its own)" if any(speaker == s["own"] for s in sets) else ""
            found = [s["similarity"].get(speaker) for s in sets]
            rows.append([f"similarity to the corpus {speaker}{own}", *(number(value, 3) for value in found)])
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
