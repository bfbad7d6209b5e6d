"""Where sentences end, and where long ones are cut."""

from collections.abc import Iterable, Iterator

import pytest

from voicebank.text.sentences import SentenceSplitter, split_long, split_sentences

SPLITS = [
    "Dr. Smith met Mr. and Mrs. Jones. | They left.",
    "Pi is 3.14. | It costs $12.50. | Yes.",
    '"Stop!" he said. | "Why?" she asked. | "No."',
    "Well... he left. | The end... | Or not?",
    "J. R. R. Tolkien wrote it. | George W. Bush read it.",
    "We met at 5 p.m. on Monday. | He came at 6 a.m. | The sun rose.",
    "He lives in the U.S. now. | The U.S. Army left the U.S. | It was late.",
    "She won the U.S. Open in May. | They met in the U.S. | Open it now. | I saw the U.S. Open. | He won.",
    "Bring fruit, e.g. Apples. | Pens, paper, etc. | Then go.",
    "I saw G. I. Joe. | So did I. | Then it was Plan B. | The end.",
    "See Fig. 3 and No. 5. | No. | I mean it.",
    "He sang in St. Paul. | She lives on Elm St. | It rained.",
    "(Really.) | Yes! | Ok?! | Sure",
    "Meet at 5 p.m. | Bring food at 6 p.m. Monday. | Thanks.",
    "See fig. 3, vol. 2 and no. 10. | Roe v. Wade was c. 1970. | She said no. | It was late.",
    "It ended.Then it began.",
    "Read Matt. 5:3 and Gen. 1:1. | Then rest. | Ring tel. 555 now.",
]


@pytest.mark.parametrize("joined", SPLITS)
def test_sentences(joined: str) -> None:
    expected = joined.replace("ended.Then", "ended. | Then").split(" | ")
    assert split_sentences(joined.replace(" | ", " ")) == expected


def test_lines_and_paragraphs() -> None:
    text = "A heading\n\nA sentence over\ntwo lines. Another\n \nand more"
    assert split_sentences(text) == ["A heading", "A sentence over two lines.", "Another", "and more"]
    assert split_sentences(" \n\n ") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Two roads diverged in a yellow wood,\nAnd sorry I could not travel both\nAnd be one traveler",
            [
                "Two roads diverged in a yellow wood, And sorry I could not travel both",
                "And be one traveler",
            ],
        ),
        ("The Garden\nThe rain had stopped.", ["The Garden", "The rain had stopped."]),
        ("To buy:\n- milk\n- two eggs\n1. Go", ["To buy:", "- milk", "- two eggs", "1.", "Go"]),
        ("He went with the\nSmith family", ["He went with the Smith family"]),
        (
            "A line of prose that was wrapped where the page was full, in\nParis as elsewhere.",
            ["A line of prose that was wrapped where the page was full, in Paris as elsewhere."],
        ),
    ],
)
def test_lines_of_verse_headings_and_lists_are_sentences(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


def stream_sentences(chunks: Iterable[str]) -> Iterator[str]:
    splitter = SentenceSplitter()
    for chunk in chunks:
        yield from splitter.push(chunk)
    yield from splitter.end()


@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
def test_streaming_finds_the_same_sentences(size: int) -> None:
    text = " ".join(line.replace(" | ", " ") for line in SPLITS[:-1]) + "\n\nA heading\n\nThe last one"
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    assert list(stream_sentences(chunks)) == split_sentences(text)


def test_streaming_is_lazy_and_holds_little() -> None:
    taken = 0

    def chunks():  # type: ignore[no-untyped-def]
        nonlocal taken
        while True:
            taken += 1
            yield "This is one more sentence of an endless book. "

    sentences = stream_sentences(chunks())
    for _ in range(100):
        assert next(sentences) == "This is one more sentence of an endless book."
    assert taken < 110


def test_text_without_an_end_is_cut_between_words() -> None:
    pieces = list(stream_sentences(["word " * 5000]))
    assert len(pieces) > 1
    assert " ".join(pieces).split() == ["word"] * 5000


def test_long_sentences_are_cut_at_clauses() -> None:
    sentence = "When the rain had stopped, we went out to the garden; the others, who were tired, stayed inside."
    assert split_long(sentence, 60) == [
        "When the rain had stopped, we went out to the garden;",
        "the others, who were tired, stayed inside.",
    ]
    assert split_long(sentence, 200) == [sentence]


def test_then_at_joining_words_then_at_words_and_never_between_a_title_and_its_name() -> None:
    assert split_long("He told me all about the garden and she told me all about the house", 45) == [
        "He told me all about the garden",
        "and she told me all about the house",
    ]
    pieces = split_long("one two three four five six seven eight nine ten", 20)
    assert " ".join(pieces) == "one two three four five six seven eight nine ten"
    assert all(10 <= len(piece) <= 20 for piece in pieces)
    assert split_long("Yesterday morning, Dr. Smith left", 24) == ["Yesterday morning,", "Dr. Smith left"]


@pytest.mark.parametrize("limit", [1, 7, 50, 200])
def test_pieces_keep_the_limit_and_every_letter(limit: int) -> None:
    text = "a" * 333 + ", and then — " + "word " * 50 + "(in brackets), end."
    pieces = split_long(text, limit)
    assert max(map(len, pieces)) <= limit
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_limit_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least one"):
        split_long("word", 0)
