"""Two voices mixed into a third, whose weights lie on the line between theirs.

The base voices were trained as one network with a row of biases for each speaker, and clones are trained on from them.
Between such weights there are voices, as in arXiv:2203.05482; between weights that were trained apart there is noise.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from voicebank.config import VoiceConfig
from voicebank.dctts.inference import Weights
from voicebank.errors import BadData, BadVoice
from voicebank.interfaces import Floats
from voicebank.synthesis.folder import quantise
from voicebank.synthesis.synthesizer import Synthesizer

# The cosine between the matrices of two voices: 1 for base voices, nearly so for their clones, 0 of any others.
RELATED = 0.5
# Of a config, what may differ between two voices whose weights fit.
_FREE = {"flow_steps", "flow_noise"}


def mixed(first: Synthesizer, second: Synthesizer, share: float, name: str, parents: tuple[str, str]) -> Synthesizer:
    """A voice between two.

    Args:
        first, second: the voices.
        share: of the second, 0 to 1. What cannot lie between (language, frontend, accent) is taken from the voice with
            the larger share, from the first if they are equal.
        name: of the new voice.
        parents: what the two are called in its config.

    Raises:
        BadData: the share is out of range.
        BadVoice: the two do not fit; the message says why.
    """
    if not 0 <= share <= 1:
        raise BadData(f"a share of {share:g} is out of range: give how much of the second voice, from 0 to 1")
    if reason := _misfit(first, second):
        raise BadVoice(f"{first.name} and {second.name} cannot be mixed: {reason}")
    pairs = zip(first.weights.values(), second.weights.values(), strict=True)
    networks = [quantise(_between(one, other, share)) for one, other in pairs]
    return Synthesizer(_config(first.config, second.config, share, name, parents), *networks)


def _misfit(first: Synthesizer, second: Synthesizer) -> str:
    """Why two voices cannot be mixed; empty if they can."""
    mine, theirs = first.config, second.config
    if mine.language.split("-")[0] != theirs.language.split("-")[0]:
        return f"one speaks {mine.language}, the other {theirs.language}"
    if mine.license != theirs.license:
        return f"their licences differ ({mine.license}, {theirs.license})"
    for part in ("audio", "text2mel", "ssrn"):
        sizes, others = getattr(mine, part).model_dump(), getattr(theirs, part).model_dump()
        for key in sizes:
            if key not in _FREE and sizes[key] != others[key]:
                return f"{part}.{key} is {sizes[key]} in one and {others[key]} in the other"
    for part in ("text2mel", "ssrn"):
        cosine = _cosine(first.weights[part], second.weights[part])
        if cosine < RELATED:
            return (
                f"their {part} weights have nothing in common (cosine {cosine:.2f}); "
                "one must have been trained from the other, or both from the same"
            )
    return ""


def _cosine(one: Weights, other: Weights) -> float:
    """Of all matrices of two networks of the same sizes."""
    pairs = [(tensor.ravel(), other[name].ravel()) for name, tensor in one.items() if name.endswith(".weight")]
    product = sum(float(a @ b) for a, b in pairs)
    lengths = [math.sqrt(sum(float(each[i] @ each[i]) for each in pairs)) for i in (0, 1)]
    return product / max(math.prod(lengths), 1e-12)


def _between(one: Weights, other: Weights, share: float) -> dict[str, Floats]:
    """The weights at ``share`` of the way from one network to another."""
    return {name: np.asarray((1 - share) * tensor + share * other[name], np.float32) for name, tensor in one.items()}


def _config(first: VoiceConfig, second: VoiceConfig, share: float, name: str, parents: tuple[str, str]) -> VoiceConfig:
    most, least = (second, first) if share > 0.5 else (first, second)
    shares = {parents[0]: round(1 - share, 4), parents[1]: round(share, 4)}
    private = first.private_use or second.private_use
    about: dict[str, Any] = {
        "name": name,
        "parent": " + ".join(parents),
        "gender": most.gender if first.gender == second.gender else "",
        "origin": f"Mixed: {_named(parents, (first.origin, second.origin))}"[:2000],
        "consent": "" if private else _named(parents, (first.consent, second.consent))[:2000],
        "lexicon": {**least.lexicon, **most.lexicon},
        "training": {"mixed": shares, **({"private_use": True} if private else {})},
    }
    for field in ("seconds_per_symbol", "sharpening"):
        about[field] = round(getattr(first, field) * (1 - share) + getattr(second, field) * share, 6)
    return VoiceConfig.model_validate(most.model_dump() | about)


def _named(parents: tuple[str, str], lines: tuple[str, str]) -> str:
    """What two voices say, once if it is the same."""
    if lines[0] == lines[1]:
        return lines[0]
    return "; ".join(f"{parent}: {line or 'not stated'}" for parent, line in zip(parents, lines, strict=True))
