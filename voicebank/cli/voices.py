"""``voicebank voices`` and ``plugins``: what is here. ``push``, ``pull`` and ``search``: the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicebank.errors import HubError

Token = Annotated[
    str | None, typer.Option(help="Of the Hub. Better: set HF_TOKEN, or log in once with `hf auth login`.")
]


def push(
    voice: Annotated[
        str, typer.Argument(help="A voice folder, or the name of a bundled voice; with --dataset, a batch's folder.")
    ],
    repo: Annotated[str, typer.Argument(help="Where to: owner/name. It is made if it is not there.")],
    dataset: Annotated[bool, typer.Option("--dataset", help="Push what `voicebank batch` wrote.")] = False,
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    revision: Annotated[str | None, typer.Option(help="A branch, made if it is not there.")] = None,
    message: Annotated[str | None, typer.Option(help="First line of the commit.")] = None,
    pull_request: Annotated[bool, typer.Option("--pr", help="Open a pull request in place of a commit.")] = False,
    sign: Annotated[bool, typer.Option("--sign", help="Sign it, with the certificate of this user.")] = False,
    certificate: Annotated[
        Path | None, typer.Option(help="Sign it with another: a PEM file of a private key and its certificates.")
    ] = None,
    token: Token = None,
) -> None:
    """Push a voice to the Hugging Face Hub, as one commit or not at all. Or the speech of a batch, as a dataset."""
    import voicebank

    if dataset:
        if pull_request or sign or certificate:
            raise HubError("a dataset is pushed without pull request and signature: leave out --pr and --sign")
        from voicebank.cli.terminal import Bar

        with Bar() as bar:
            pushed = voicebank.push_dataset(
                voice,
                repo,
                private=private or None,
                revision=revision,
                commit_message=message,
                token=token,
                progress=bar,
            )
        typer.echo(pushed.commit_url)
        return
    commit = voicebank.load(voice).push_to_hub(
        repo,
        private=private or None,
        revision=revision,
        commit_message=message,
        create_pr=pull_request,
        token=token,
        sign=certificate or sign,
    )
    typer.echo(commit.pr_url or commit.commit_url)


def pull(
    repo: Annotated[str, typer.Argument(help="The voice: owner/name, or owner/name@revision.")],
    folder: Annotated[Path | None, typer.Argument(help="Where to; the voice's name if left out.")] = None,
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit.")] = None,
    token: Token = None,
) -> None:
    """Fetch a voice from the Hugging Face Hub into a folder, once every file of it was checked."""
    from voicebank.bank import Voice
    from voicebank.hub.download import copy_files, download

    name, _, asked = repo.partition("@")
    cached = download(name, revision=asked or revision, token=token)
    voice = Voice.from_folder(cached, trust_options=True)  # checks the weights; nothing gets the options
    target = copy_files(cached, folder or Path(name.rsplit("/", 1)[-1]))
    size = sum(path.stat().st_size for path in target.iterdir() if path.is_file()) / 1e6
    typer.echo(f"{target}: {size:.1f} MB, {f'signed by {voice.signer}' if voice.signer else 'not signed'}")


def search(
    query: Annotated[str, typer.Argument(help="Part of the owner's or the voice's name.")] = "",
    accent: Annotated[str | None, typer.Option(help="US, British...")] = None,
    gender: Annotated[str | None, typer.Option(help="female, male...")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag of the card; may be given several times.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most voices to list.")] = 20,
    token: Token = None,
) -> None:
    """List voices on the Hugging Face Hub, those downloaded most first."""
    from voicebank.cli.terminal import table
    from voicebank.hub.client import search as find

    voices = find(query, accent=accent, gender=gender, tags=tag or (), limit=limit, token=token)
    rows = [
        (v.repo, v.accent, v.gender, v.license, str(v.downloads), "private" if v.private else "public", v.base)
        for v in voices
    ]
    if not rows:
        typer.echo("no such voice on the Hub", err=True)
        return
    table(("name", "accent", "gender", "license", "downloads", "visible", "base voice"), rows)


def voices() -> None:
    """List the voices that are here: accent, gender, size, origin."""
    import voicebank
    from voicebank.cli.terminal import table

    rows = [
        (v.name, v.config.accent, v.config.gender, f"{v.megabytes:.1f} MB", v.config.origin) for v in voicebank.voices()
    ]
    table(("name", "accent", "gender", "size", "origin"), rows)


def plugins() -> None:
    """List the plugins: what they are, where they come from, whether they load."""
    from voicebank.cli.terminal import table
    from voicebank.plugins import known

    rows = [(p.kind, p.name, p.package, p.version, p.error or "yes") for p in known()]
    table(("kind", "name", "package", "version", "loads"), rows)
