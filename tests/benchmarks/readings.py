"""How many written forms are read right, with the library's rules and with other libraries."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

FORMS = Path(__file__).parents[1] / "data" / "normalisation.tsv"
# A number with what may be its unit, as wetext needs it.
NUMBER = re.compile(r"[^\s\"(),;!?—]*\d(?:[^\s\"(),;!?—]|,(?=\d))*(?: [A-Za-z°%µ/]{1,6}\b(?!['-]))?")


def readings(wrong: Annotated[bool, typer.Option(help="Show what is read wrong, and how.")] = False) -> None:
    """Read the written forms of tests/data/normalisation.tsv with every library that is installed."""
    cases = [line.split("\t") for line in FORMS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    print(f"| {len(cases)} written forms | right | seconds |\n| --- | --- | --- |")
    for name, read in libraries():
        read("Load it for 1 number.")
        started = time.process_time()
        said = [(text, read(text), wanted.split(" | ")) for _, text, wanted in cases]
        seconds = time.process_time() - started
        misread = [(text, got) for text, got, wanted in said if words(got) not in map(words, wanted)]
        print(f"| {name} | {len(cases) - len(misread)} | {seconds:.2f} |")
        for text, got in misread if wrong else []:
            print(f"  {text} -> {got}")


def words(text: str) -> list[str]:
    """What is compared: no case, no punctuation, no hyphens."""
    return re.sub(r"[^a-z' ]", " ", text.lower().replace("o'clock", "oclock")).split()


def libraries() -> Iterator[tuple[str, Callable[[str], str]]]:
    """Those that are installed, each alone, and our rules with the numbers left to wetext."""
    from num2words import num2words

    from voicebank.text import normalise as ours

    yield "our rules, then num2words: voicebank", ours.normalise
    yield "num2words alone", lambda text: re.sub(r"\d+(?:\.\d+)?", lambda m: num2words(m[0]), text)
    try:
        from wetext import Normalizer as Wetext
    except ImportError:
        print("(wetext is not installed)")
    else:
        wetext = Wetext(lang="en", operator="tn").normalize

        def behind_the_rules(text: str) -> str:
            read_numbers = ours.read_numbers
            ours.read_numbers = lambda text: NUMBER.sub(lambda m: safely(wetext, m[0]), text)
            try:
                return ours.normalise(text)
            finally:
                ours.read_numbers = read_numbers

        yield "our rules, then wetext", behind_the_rules
        yield "wetext alone", lambda text: safely(wetext, text)
    try:
        from nemo_text_processing.text_normalization.normalize import Normalizer as Nemo
    except ImportError:
        print("(nemo_text_processing is not installed)")
    else:
        yield "nemo_text_processing alone", Nemo(input_case="cased", lang="en").normalize


def safely(read: Callable[[str], str], text: str) -> str:
    """wetext has no path for some sequences of signs."""
    try:
        return read(text)
    except AssertionError:
        return text
