"""Cards that people edit: what the library brings up to date in them, and two that were edited apart as one.

A card is written once and belongs to people from then on. The library only renews the block of measurements, between
two comments that do not show, and a few fields of the metadata. Cards that were edited both in the folder and on the
Hub are merged line by line, against the version that both came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from voicebank.config import VoiceConfig
from voicebank.errors import BadVoice
from voicebank.hub.card import (
    CLOSE,
    OPEN,
    PRIVATE,
    card,
    joined,
    measured_block,
    metadata_of,
    plain,
    quoted,
    split,
)
from voicebank.synthesis.folder import CARD

# Metadata that the library decides, whatever a card said before.
_OURS = ("library_name", "pipeline_tag", "base_model", "base_model_relation", "model-index")
_SOURCE = re.compile(r"<!-- voicebank:hub (\S{1,200})@([0-9a-f]{40}|[0-9a-f]{64}) -->\n*")
# Cards may come from anybody: merging them must not be made slow.
MAX_LINES = 1000


def refresh(
    text: str,
    config: VoiceConfig,
    scores: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    repo: str | None = None,
    sample: bool = True,
) -> str:
    """A card whose measurements, metadata and usage are up to date; every other line stays.

    Args:
        text: the card.
        config, scores, repo, sample: as for :func:`card`; measurements stay as they are without ``scores``.

    Raises:
        BadVoice: the metadata is not valid.
    """
    metadata, body = split(text)
    fresh = metadata_of(config, scores or {}, sample)
    ours = {key: fresh[key] for key in _OURS if key in fresh}
    if not scores and "model-index" in metadata:
        ours["model-index"] = metadata["model-index"]
    others = [tag for tag in _texts(metadata.get("tags")) if not tag.startswith(("accent-", "gender-"))]
    metadata = {k: v for k, v in metadata.items() if k not in _OURS or k in ours} | ours
    metadata["tags"] = list(dict.fromkeys([*fresh["tags"], *others]))
    if scores:
        body = _with_block(body, measured_block(scores))
    if repo:
        from_hub = source(text)
        for name in (config.name, *from_hub[:1]) if from_hub else (config.name,):
            body = body.replace(f"voicebank.load({quoted(name)})", f"voicebank.load({quoted(repo)})")
    if config.consent.strip() and not config.private_use:
        body = body.replace(PRIVATE, plain(config.consent))
    return joined(metadata, body)


def merge(base: str, local: str, remote: str) -> str:
    """Two cards that were edited apart, as one. Measurements are those of ``local``.

    Args:
        base: the card that both came from.
        local: the card in the voice's folder.
        remote: the card on the Hub.

    Raises:
        BadVoice: both changed the same lines or the same field of the metadata, or one cannot be parsed.
    """
    cards = (split(without_source(text)) for text in (base, local, remote))
    (base_data, base_body), (data, body), (remote_data, remote_body) = cards
    metadata = {}
    for key in dict.fromkeys([*data, *remote_data]):
        ours = data.get(key)
        value = ours if key in _OURS else _chosen(key, base_data.get(key), ours, remote_data.get(key))
        if value is not None:
            metadata[key] = value
    block = _block(body)
    lines = [_with_block(each, "").split("\n") for each in (base_body, body, remote_body)]
    text = "\n".join(_merged_lines(*lines))
    return joined(metadata, text if block is None else _with_block(text, block))


def update(text: str, before: VoiceConfig, after: VoiceConfig, *, sample: bool = True) -> str:
    """A card after the voice's config changed; measurements and what people wrote stay.

    Raises:
        BadVoice: the lines that change were edited.
    """
    metadata, body = split(card(after, sample=sample))
    old_metadata, old_body = split(text)
    if "model-index" in old_metadata:
        metadata["model-index"] = old_metadata["model-index"]
    return merge(card(before, sample=sample), joined(metadata, _with_block(body, _block(old_body) or "")), text)


def pulled(snapshot: Path, folder: Path) -> str:
    """The card of a snapshot, with what people wrote into the one that the folder has already.

    Raises:
        BadVoice: both were edited, and the version that they came from is not there, or :func:`merge` fails.
    """

    def read(path: Path) -> str:
        return path.read_text(encoding="utf-8", errors="replace")

    text = read(snapshot / CARD)
    mine = read(folder / CARD) if (folder / CARD).exists() else text
    if without_source(mine) == without_source(text):
        return text
    known = source(mine)
    base = snapshot.parent / known[1] / CARD if known else snapshot
    if not base.is_file():
        raise BadVoice(
            f"{folder / CARD} differs from the one on the Hub, and may be edited: rename it, then pull again"
        )
    return merge(read(base), text, mine)


def with_source(text: str, repo: str, commit: str) -> str:
    """A card with a comment that does not show: as of which commit it is the one on the Hub."""
    return f"{without_source(text).rstrip()}\n\n<!-- voicebank:hub {repo}@{commit} -->\n"


def without_source(text: str) -> str:
    """A card without that comment, as it is pushed."""
    return _SOURCE.sub("\n", text).rstrip() + "\n"


def source(text: str) -> tuple[str, str] | None:
    """Repository and commit that :func:`with_source` noted."""
    comment = _SOURCE.search(text)
    return (comment[1], comment[2]) if comment else None


def _chosen(key: str, base: Any, local: Any, remote: Any) -> Any:
    """A field of the metadata, of which one side or neither differs from the base."""
    if local in (base, remote):
        return remote
    if remote == base:
        return local
    if key == "tags":
        known = _texts(base)
        added = [tag for tag in _texts(remote) if tag not in known]
        return list(dict.fromkeys([*_texts(local), *added]))
    raise _conflict(f"its {str(key)[:40]!r}")


def _merged_lines(base: list[str], local: list[str], remote: list[str]) -> list[str]:
    """Changes of both sides; where they meet, the side that has all lines of the other."""
    if max(map(len, (base, local, remote))) > MAX_LINES:
        raise BadVoice(f"README.md has more than {MAX_LINES} lines: shorten it, then try again")
    edits, others = _edits(base, local), _edits(base, remote)
    others = [edit for edit in others if edit not in edits]
    for start, stop, lines in others:
        for first, last, mine in edits:
            if first <= stop and start <= last:
                if set(remote) <= set(local):
                    return local
                if set(local) <= set(remote):
                    return remote
                where = next((line for line in [*mine, *lines] if line.strip()), "a line that was removed")
                raise _conflict(repr(where.strip()[:60]))
    merged = list(base)
    for start, stop, lines in sorted([*edits, *others], reverse=True):
        merged[start:stop] = lines
    return merged


def _edits(base: list[str], new: list[str]) -> list[tuple[int, int, list[str]]]:
    """Ranges of ``base`` with the lines that replace them."""
    codes = SequenceMatcher(None, base, new, autojunk=False).get_opcodes()
    return [(i1, i2, new[j1:j2]) for kind, i1, i2, j1, j2 in codes if kind != "equal"]


def _conflict(where: str) -> BadVoice:
    return BadVoice(
        f"README.md was edited both here and on the Hub, at {where}: "
        "bring what stands on the Hub into the file here, then try again"
    )


def _block(body: str) -> str | None:
    """The block of measurements, without its comments; None if it was removed."""
    start = body.find(OPEN)
    stop = body.find(CLOSE, start)
    return body[start + len(OPEN) : stop].strip() if 0 <= start < stop else None


def _with_block(body: str, block: str) -> str:
    """The body with this block in place of the one it has."""
    start = body.find(OPEN)
    stop = body.find(CLOSE, start)
    return f"{body[:start]}{OPEN}\n{block}\n{body[stop:]}" if 0 <= start < stop else body


def _texts(value: Any) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value]) if isinstance(one, (str, int))]
