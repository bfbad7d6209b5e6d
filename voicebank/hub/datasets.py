"""The result of a batch, pushed to the Hub as a dataset."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

from huggingface_hub import CommitInfo, CommitOperationAdd, DatasetCardData, HfApi

from voicebank.data.progress import Progress
from voicebank.errors import BadData, ConsentError, HubError
from voicebank.hub.card import joined
from voicebank.hub.client import send_files
from voicebank.hub.download import LIBRARY
from voicebank.hub.http import MAIN, retry, translated, valid_id, valid_revision
from voicebank.synthesis.folder import CARD

MANIFEST, TABLE = "manifest.jsonl", "metadata.csv"
# A commit with more files takes the Hub too long.
FILES_A_COMMIT = 500
# Where the sound of each layout lies; `datasets` guesses in the wrong order else.
SOUND = {"audio": "audio/**", "tar": "part-*.tar", "parquet": "part-*.parquet"}
# From how many rows on each of the Hub's size categories is.
SIZES = {0: "n<1K", 10**3: "1K<n<10K", 10**4: "10K<n<100K", 10**5: "100K<n<1M", 10**6: "1M<n<10M", 10**7: "n>10M"}


def push_dataset(
    folder: str | Path,
    repo: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    progress: Progress | None = None,
) -> CommitInfo:
    """Push what :func:`voicebank.batch` wrote, as a dataset.

    What the Hub has already is not sent again, so a push that broke off goes on with the same call. Sound goes first,
    in commits of 500 files; manifest and card come last. A ``README.md`` in the folder is pushed as it is. Where there
    is none, here or on the Hub, one is written that says what the sound is and that it is synthetic.

    Args:
        folder: of a finished batch.
        repo: ``owner/name``, or a name of one's own; it is made if it is not there.
        private, token, revision: as for :meth:`voicebank.Voice.push_to_hub`.
        commit_message: first line of the commits.
        progress: callbacks, with files as steps.

    Returns:
        The last commit.

    Raises:
        BadData: the folder holds no finished batch.
        ConsentError: a voice of it is a clone without its speaker's consent.
        HubError: the Hub refuses or fails.
    """
    folder, repo, branch = Path(folder), valid_id(repo), valid_revision(revision)
    lines = list(_manifest(folder))
    unspoken = [line["voice"] for line in lines if line.get("private_use")]
    if unspoken:
        raise ConsentError(f"{folder} is for private use: nobody's consent is stored in the voice {unspoken[0]}")
    last = [folder / name for name in (TABLE, MANIFEST, CARD) if (folder / name).exists()]
    sound = sorted(folder / line["file"] for line in lines if line["file"])
    files = list(dict.fromkeys(sound))
    missing = [path for path in files if not path.exists()]
    if missing:
        raise BadData(f"{folder} lacks {missing[0].relative_to(folder)}: give the command that made it again")
    message, progress = commit_message or f"Speech of {len(lines)} texts", progress or Progress()
    with translated(repo):
        api = HfApi(token=token, **LIBRARY)
        where: dict[str, Any] = {"repo_type": "dataset", "revision": branch}
        repo = str(api.create_repo(repo, private=private, exist_ok=True, repo_type="dataset").repo_id)
        if branch != MAIN:
            api.create_branch(repo, branch=branch, exist_ok=True, repo_type="dataset")
        if private and not retry(lambda: api.dataset_info(repo)).private:
            raise HubError(f"{repo} is there and public, nothing was written: make it private on its page first")

        def send(operations: list[CommitOperationAdd]) -> CommitInfo:
            return cast(CommitInfo, api.create_commit(repo, operations, commit_message=message, **where))

        progress.step("pushing", 0, len(files))
        for done in range(0, len(files), FILES_A_COMMIT):
            some = {str(path.relative_to(folder)): path for path in files[done : done + FILES_A_COMMIT]}
            send_files(some, None, send)
            progress.step("pushing", done + len(some), len(files))
        card = None if folder / CARD in last or api.file_exists(repo, CARD, **where) else _card(folder, lines)
        return send_files({path.name: path for path in last}, card, send)


def _manifest(folder: Path) -> Iterator[dict[str, Any]]:
    try:
        with (folder / MANIFEST).open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    except (OSError, ValueError) as error:
        raise BadData(f"{folder} holds no finished batch: `voicebank batch` writes its {MANIFEST} last") from error


def _card(folder: Path, lines: list[dict[str, Any]]) -> str:
    """The card of a dataset that has none."""
    spoken = [line for line in lines if line["error"] is None]
    hours = sum(line["seconds"] for line in spoken) / 3600
    voices = Counter(line["voice"] for line in spoken)
    layouts = dict.fromkeys(line["file"].partition("/")[0].rpartition(".")[2] for line in spoken)
    data: dict[str, Any] = DatasetCardData(  # type: ignore[no-untyped-call]
        language=["en"],
        task_categories=["text-to-speech"],
        size_categories=next(name for least, name in reversed(SIZES.items()) if len(spoken) >= least),
        tags=["voicebank", "synthetic", "audio"],
        configs=[
            {
                "config_name": "default",
                "data_files": [*(SOUND[layout] for layout in layouts), *([TABLE] if "audio" in layouts else [])],
            }
        ],
    ).to_dict()
    rows = [f"| {name} | {count} |" for name, count in islice(voices.most_common(), 100)]
    body = f"""# {folder.resolve().name}

Synthetic speech: {len(spoken)} texts, {hours:.1f} hours, spoken by voices of
[voicebank](https://pypi.org/project/voicebank/). Nobody said these words. Unless it was turned off, the sound carries a
watermark that `voicebank detect` finds.

| voice | texts |
| --- | --- |
{chr(10).join(rows)}

`{MANIFEST}` has a line for each text: file, seconds, voice, a digest of the voice's weights, characters that were not
read, and for {len(lines) - len(spoken)} texts that were not spoken the reason.
"""
    return joined(data, body)
