"""Checks: what is wrong with a clip, and with the clips of a dataset taken together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from voicebank.audio import Audio
from voicebank.data.matching import Match, compare, disfluencies, keys, restored, with_disfluencies
from voicebank.data.measure import clicks, envelope, measure, passband, reverberation
from voicebank.data.report import Finding, Row
from voicebank.plugins import Transcript
from voicebank.signal.speaker import unit_mean
from voicebank.text.normalise import unspeakable

LONGEST = 15.0  # seconds a clip may last; longer ones make training slow and attention slip
SHORTEST = 0.6
# dB from the noise to the speech, as `measure` has it: white noise 20 dB below the speech measures 23 to 24.5.
NOISY, TOO_NOISY = 25.0, 14.0
ROOM = 0.28  # seconds of reverberation
CLICKS = 3  # in a clip
NARROW = 10_000.0  # Hz: a voice of 24 kHz speaks up to 12
CLIPPED = 3  # waves cut off in a clip
PAUSE = 1.5  # seconds
PACE = (0.7, 6.0)  # words a second
DOUBTFUL, WRONG = 0.15, 0.34  # share of the words that do not fit
LEAST, FEW = 1.0, 5.0  # minutes
SAME_SPEAKER = 0.75  # cosine of two groups of clips of one speaker
OUTLIER = 0.60  # cosine of a clip to all others
RELIABLE = 1.6  # seconds from which a speaker can be recognised
COPY = 0.995  # correlation of two envelopes

# A few words that English cannot do without: a transcript of some length has one.
ENGLISH = frozenset(
    (*("a", "about", "all", "am", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "for", "from"),)
    + ("go", "had", "has", "have", "he", "her", "his", "how", "i", "if", "im", "in", "is", "it", "its", "like", "me")
    + ("more", "my", "no", "not", "now", "of", "on", "one", "or", "our", "out", "she", "so", "some", "than", "that")
    + ("the", "their", "them", "there", "they", "this", "to", "too", "up", "us", "was", "we", "were", "what", "when")
    + ("which", "who", "why", "will", "with", "would", "you", "your")
)


def check_clip(row: Row, audio: Audio, clipped: int, transcript: Transcript | None) -> None:
    """Fill in the measures of a clip and add what is wrong with it."""
    measures = measure(audio.samples, audio.sample_rate)
    row.seconds, row.clipped = round(audio.duration, 3), clipped
    row.level, row.noise = round(measures.level, 1), round(measures.noise, 1)
    row.envelope = envelope(audio.samples, audio.sample_rate)
    row.words = sum(len(keys(token)) for token in row.text.split())

    def add(kind: str, reason: str, serious: bool = True) -> None:
        row.findings.append(Finding.of(kind, row.id, reason, serious=serious))

    if measures.speech < 0.15:
        add("silence", "there is no speech in it")
        return
    if row.seconds > LONGEST:
        add("length", f"it lasts {row.seconds:.1f} s, {LONGEST:.0f} at most")
    elif row.seconds < SHORTEST:
        add("length", f"it lasts {row.seconds:.1f} s, {SHORTEST} at least")
    if measures.ratio < NOISY:
        bad = measures.ratio < TOO_NOISY
        add("noise", f"music or noise only {measures.ratio:.0f} dB below the speech", bad)
    if (decay := reverberation(audio.samples, audio.sample_rate)) is not None and decay > ROOM:
        add("room", f"an echo of {decay:.1f} s from the room", False)
    if (count := clicks(audio.samples, audio.sample_rate)) >= CLICKS:
        add("clicks", f"{count} clicks in its pauses, as of keys", False)
    row.bandwidth = passband(audio.samples, audio.sample_rate)[1]
    if clipped >= CLIPPED:
        add("clipping", f"too loud: the wave is cut off in {clipped} places", clipped >= 10 * CLIPPED)
    if measures.pause > PAUSE:
        add("pause", f"a pause of {measures.pause:.1f} s", False)
    if dropped := unspeakable(row.text):
        foreign = sum(c.isalpha() for c in dropped) > 3
        kind = "language" if foreign else "characters"
        add(kind, f"characters that no frontend speaks: {dropped[:12]}", foreign or not row.words)
    if not row.words:
        add("mismatch", "there is no word in the transcript")
        return
    if transcript is not None:
        row.transcript = transcript.text
        if (usual := restored(row.text, transcript.text)) != row.text:
            add("corrected", "written as usual, it was in capitals or without punctuation", False)
            row.text = usual
        _check_words(row, transcript, add)
    if row.words >= 3 and measures.ratio >= NOISY and not PACE[0] <= row.words / measures.speech <= PACE[1]:
        add("pace", f"{row.words / measures.speech:.1f} words a second")


def _check_words(row: Row, transcript: Transcript, add: Callable[..., None]) -> None:
    match = compare(row.text, transcript.text)
    common = sum(key in ENGLISH for token in row.text.split() for key in keys(token))
    if not transcript.language.startswith("en") or (row.words >= 7 and not common and match.rate > 0.5):
        add("language", f"it does not seem to be English: {_short(row.text)!r}, heard {_short(transcript.text)!r}")
        return
    if slips := disfluencies(match, transcript.text):
        if corrected := with_disfluencies(row.text, transcript.text):
            add("corrected", f"said and not written, now it is: {', '.join(slips[:4])}", False)
            row.text = corrected
        else:
            add("disfluency", f"said and not written: {', '.join(slips[:4])}")
        return
    if reason := misfit(match):
        add("mismatch", f"{reason}; heard: {_short(transcript.text)!r}")
    elif match.rate > DOUBTFUL:
        add("mismatch", f"{100 * match.rate:.0f} % of the words differ; heard: {_short(transcript.text)!r}", False)


def misfit(match: Match) -> str | None:
    """Why a transcript does not belong to its clip. One word for another is taken for a slip of the recogniser."""
    if not match.recognised:
        return "no word is heard"
    if match.rate > WRONG and sum(gap.errors for gap in match.gaps) > 1:
        return f"{100 * min(1, match.rate):.0f} % of the words differ"
    for gap in match.gaps:
        if gap.uneven >= 2 or (gap.uneven and (gap.first or gap.last)):
            more = "not heard" if len(gap.written) > len(gap.recognised) else "not written"
            words = gap.written if len(gap.written) > len(gap.recognised) else gap.recognised
            return f"{' '.join(words)!r} is {more}{' at the edge' if gap.first or gap.last else ''}"
    return None


def check_together(rows: Sequence[Row]) -> list[Finding]:
    """Add what only shows among the clips (copies, other speakers); return findings on the whole."""
    kept = [row for row in rows if row.kept]
    _copies(kept)
    _speakers([row for row in kept if row.embedding and row.seconds >= RELIABLE and row.kept])
    return [*_amount(rows), *_bandwidth(kept)]


def _bandwidth(rows: Sequence[Row]) -> list[Finding]:
    known = [row.bandwidth for row in rows if row.bandwidth is not None]
    hertz = float(np.percentile(known, 75)) if known else NARROW
    return [Finding.of("bandwidth", "", narrow(hertz), serious=False)] if hertz < NARROW else []


def narrow(hertz: float) -> str:
    """What recordings that carry no more than so many Hz mean for a voice."""
    return f"the recordings hold nothing above {hertz / 1000:.1f} kHz: a voice cloned from them guesses what lies there"


def _amount(rows: Sequence[Row]) -> list[Finding]:
    kept = [row for row in rows if row.kept]
    minutes = sum(row.seconds for row in kept) / 60
    words = [key for row in rows for token in row.text.split() for key in keys(token)]
    findings = []
    if minutes < FEW:
        amount = f"{minutes * 60:.0f} seconds" if minutes < 2 else f"{minutes:.1f} minutes"
        findings.append(Finding.of("too little", "", f"only {amount} of speech", serious=minutes < LEAST))
    if len(words) >= 40 and sum(word in ENGLISH for word in words) < 0.12 * len(words):
        findings.append(Finding.of("language", "", "the transcripts do not seem to be English"))
    return findings


def _copies(rows: Sequence[Row]) -> None:
    ordered = sorted((row for row in rows if row.envelope), key=lambda row: row.seconds)
    shapes = [np.asarray(row.envelope, np.float64) for row in ordered]
    shapes = [(s - s.mean()) / (np.linalg.norm(s - s.mean()) + 1e-9) for s in shapes]
    for i, row in enumerate(ordered):
        for j in range(i - 1, -1, -1):
            if row.seconds - ordered[j].seconds > 0.1:
                break
            if float(shapes[i] @ shapes[j]) >= COPY:
                same = [key for token in row.text.split() for key in keys(token)] == [
                    key for token in ordered[j].text.split() for key in keys(token)
                ]
                first, second = sorted((row, ordered[j]), key=lambda r: r.id)
                reason = f"the same recording as {first.id}"
                second.findings.append(Finding.of("duplicate", second.id, reason))
                if not same:
                    reason = f"the same recording as {second.id}, with another transcript"
                    first.findings.append(Finding.of("mismatch", first.id, reason))
                break


def _speakers(rows: Sequence[Row]) -> None:
    """Mark the clips of another speaker than most."""
    for i, reason in other_speakers(np.array([row.embedding for row in rows])).items():
        rows[i].findings.append(Finding.of("speaker", rows[i].id, reason))


def other_speakers(embeddings: np.ndarray) -> dict[int, str]:
    """Clips of another speaker: the smaller of two groups that lie apart, and single clips far from all.

    Args:
        embeddings: of each clip ``(n, 256)``, of norm 1.

    Returns:
        Why, by index.
    """
    if len(embeddings) < 4:
        return {}
    others: dict[int, str] = {}
    groups = _two_groups(embeddings)
    sides = [np.flatnonzero(groups == side) for side in (0, 1)]
    main = embeddings
    if min(map(len, sides)) >= 2:
        likeness = float(unit_mean(embeddings[sides[0]]) @ unit_mean(embeddings[sides[1]]))
        if likeness < SAME_SPEAKER:
            smaller, larger = sorted(sides, key=len)
            reason = f"another speaker than most clips (likeness {likeness:.2f}; {len(smaller)} such clips)"
            others = dict.fromkeys(map(int, smaller), reason)
            main = embeddings[larger]
    for i, value in enumerate(embeddings @ unit_mean(main)):
        if value < OUTLIER:
            others.setdefault(i, f"unlike the other clips (likeness {value:.2f})")
    return others


def _two_groups(embeddings: np.ndarray) -> np.ndarray:
    """0 or 1 for each embedding: two means, begun at the two that are most unlike each other."""
    likeness = embeddings @ embeddings.T
    first, second = np.unravel_index(int(likeness.argmin()), likeness.shape)
    means = np.stack([embeddings[first], embeddings[second]])
    groups = np.zeros(len(embeddings), int)
    for _ in range(20):
        new: np.ndarray = (embeddings @ means[1] > embeddings @ means[0]).astype(int)
        if not 0 < new.sum() < len(new) or (new == groups).all():
            return new
        groups = new
        means = np.stack([unit_mean(embeddings[groups == side]) for side in (0, 1)])
    return groups


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
