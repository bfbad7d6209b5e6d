"""Normalisation: written forms to spoken words."""

import re
from pathlib import Path

import pytest

from voicebank.errors import BadText
from voicebank.text.normalise import fold, normalise, unspeakable
from voicebank.text.symbols import known

CASES = [
    line.split("\t")
    for line in (Path(__file__).parent / "data" / "normalisation.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", " ", text.lower().replace("o'clock", "oclock")).split()


def test_there_are_three_hundred_cases() -> None:
    assert len({case[1] for case in CASES}) == 300
    assert {"phone", "years", "money", "dates", "times", "units"} <= {case[0] for case in CASES}


@pytest.mark.parametrize(("category", "text", "readings"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_readings(category: str, text: str, readings: str) -> None:
    assert words(normalise(text)) in [words(reading) for reading in readings.split(" | ")], category


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        # more years and telephone numbers, which must read right
        (
            "In 2024, 3,456 people came.",
            "In twenty twenty four, three thousand four hundred and fifty six people came.",
        ),
        ("1066 and 1800", "ten sixty six and eighteen hundred"),
        ("the 2010s and the '90s", "the twenty tens and the nineties"),
        ("1990-95", "nineteen ninety to ninety five"),
        ("Call 911!", "Call nine one one!"),
        ("020 7946 0958", "oh two oh, seven nine four six, oh nine five eight"),
        # what the grammars misread
        ("1000 or 1,000 or 1,005", "one thousand or one thousand or one thousand and five"),
        ("$50k, £1.01, €3.00", "fifty thousand dollars, one pound and one penny, three euros"),
        ("30 km/h for 100m", "thirty kilometers per hour for one hundred meters"),
        ("16kHz and 1 hr", "sixteen kilohertz and one hour"),
        ("the U.S. and all U.F.O.s", "the U S and all U F O's"),
        ("J. R. R. Tolkien, Ph.D.", "J R R Tolkien, P H D."),
        ("Oxford St. is long", "Oxford Street is long"),
        ("version 2.0.1", "version two point zero point one"),
        ("a 4x4, 24/7", "a four by four, twenty-four seven"),
        ("Louis XIV and Charles I think", "Louis the fourteenth and Charles I think"),
        ("An IV drip", "An IV drip"),
        ("[5] {6}", "(five) (six)"),
        ("at 3:05 AM", "at three oh five A M"),
        ("10:00 p.m. or 10:00", "ten P M or ten o'clock"),
        ("Is 5'11\" tall", "Is five foot eleven tall"),
        ("http://foo.co.uk/x?y=1", "foo dot co dot U K slash X question mark Y equals one"),
        ("C++ & C# and/or #tag", "C plus plus and C sharp and or hashtag tag"),
        ("node.js", "node dot js"),
        ("£5-£10, 8am-5pm, Mon-Fri", "five pounds to ten pounds, eight A M to five P M, Monday to Friday"),
        (
            "On Sun. 5 May he sat in the Sun. It was Mon. morning",
            "On Sunday the fifth of May he sat in the Sun. It was Monday morning",
        ),
    ],
)
def test_more_readings(text: str, reading: str) -> None:
    assert normalise(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("A $5-a-day habit", "A five dollar-a-day habit"),
        ("The guard scored 30 pts.", "The guard scored thirty points."),
        ("A 4'x8' sheet", "A four foot by eight foot sheet"),
        ("A 512GB SSD", "A five hundred and twelve gigabyte SSD"),
        ("It took 1h 30m", "It took one hour thirty minutes"),
        ("He weighs 13 st 4 lb", "He weighs thirteen stone four pounds"),
        ("It is 20:00h now", "It is twenty hundred now"),
        (
            "¼ lb of butter, 3/4 mi, 1-1/2 cups",
            "one quarter pound of butter, three quarters of a mile, one and a half cups",
        ),
        ("Jan.-Mar., mid-Aug.", "January to March, mid-August"),
        (
            "24 Dec 2024–2 Jan 2025",
            "the twenty fourth of December twenty twenty four to the second of January twenty twenty five",
        ),
        ("St. Mary's St. and Lake St. Clair", "Saint Mary's Street and Lake Saint Clair"),
        ("Assoc. Prof. Kim, B.Sc. (Hons.)", "Associate Professor Kim, B S C (honors)"),
        ("E.g., this one", "For example, this one"),
        ("A vs B, B v. C", "A versus B, B versus C"),
        ("Tel.: 020 7946 0958", "Telephone: oh two oh, seven nine four six, oh nine five eight"),
        ("Ref. no. AB-12", "Reference number AB-twelve"),
        ("Dial *67, press #, # of people", "Dial star sixty seven, press hash, number of people"),
        ("Washington, D.C. 20500", "Washington, D C two oh five oh oh"),
        ("Paul L. Bentley and Robert V. Smith", "Paul L Bentley and Robert V Smith"),
        ("Charles V. He had vitamin C. The end", "Charles the fifth. He had vitamin C. The end"),
        ("In this chapter I show part I of volume I", "In this chapter I show part one of volume one"),
        ("Three BAFTAs, two ATMs", "Three BAFTAs, two A T Ms"),
        ("Oh no. I forgot. In a sec. I'll see Fig. A", "Oh no. I forgot. In a sec. I'll see figure A"),
        ("4.5/5 stars, 3.5/4.0", "four point five out of five stars, three point five out of four point zero"),
        ("The U.S. He left at 5 p.m. They saw the U.S. Open", "The U S. He left at five P M. They saw the U S Open"),
        ("We met in Tulsa, OK, in May", "We met in Tulsa, Oklahoma, in May"),
        ("From Gary, IN to Portland, OR", "From Gary, Indiana to Portland, Oregon"),
        ("So, OK, ask him, OR ELSE", "So, OK, ask him, or else"),
        ("That one, OK? Sure, OK. Tell Mom, OK?", "That one, OK? Sure, OK. Tell Mom, OK?"),
        ("Tampa, Fla., and Boston, Mass.", "Tampa, Florida, and Boston, Massachusetts"),
        ("Exit 24B", "Exit twenty four B"),
        ("Flight UA 123", "Flight UA one twenty three"),
        ("5! = 120", "five factorial equals one hundred and twenty"),
        ("|x| < 5, P(A|B)", "the absolute value of x is less than five, P(A given B)"),
        ("y = −3x, a 3x gain", "y equals minus three x, a three times gain"),
        ("A +/- 2 mm gap", "A plus or minus two millimeters gap"),
        ("10 × 15 cm, 3 × 15", "ten by fifteen centimeters, three times fifteen"),
        ("2/3rds, 5⅛", "two thirds, five and an eighth"),
        ("Na⁺ and Ca²⁺", "Na plus and Ca two plus"),
        ("a .wav file", "a dot wav file"),
        ("MiG-29s and 3-for-2s", "MiG-twenty nines and three-for-twos"),
        ("Chapters I–III", "Chapters one to three"),
        ("pp. xii-xv", "pages twelve to fifteen"),
        ("I, II and III", "one, two and three"),
        (
            "Matt. 5:3-12, 1 Cor. 13:4, Gen. 1:1",
            "Matthew five three to twelve, First Corinthians thirteen four, Genesis one one",
        ),
        ("B♭ major", "B flat major"),
        ("1,2,3", "one, two, three"),
        ("£2.5bn-£3bn, €3k–5k", "two point five billion pounds to three billion pounds, three to five thousand euros"),
        ("0.5%/yr", "zero point five percent per year"),
        ("T-10 minutes", "T minus ten minutes"),
        ("Fine :-) thanks", "Fine thanks"),
        ("at 1,234.56p", "at one thousand two hundred and thirty four point five six pence"),
        ("up 0.2pp", "up zero point two percentage points"),
        ("the 4x100m relay", "the four by one hundred meters relay"),
        ("a time of 1:02.35", "a time of one oh two point three five"),
        ("5'4½\" tall", "five foot four and a half tall"),
        ("see ¶3", "see paragraph three"),
        ("N. Korea, W. 42nd St.", "North Korea, West forty second Street."),
        ("Attn: Mr. Lee", "Attention: Mister Lee"),
        ("Mon. 5/6", "Monday May sixth"),
        ("f(x) = 2x", "f(x) equals two x"),
        ("R0", "R zero"),
        ("\x1b[1;31mred\x1b[0m text", "red text"),
        (
            "x86-64, i7-9700K, A380-800",
            "x eighty six sixty four, i seven ninety seven hundred K, A three eighty eight hundred",
        ),
        ("(+1) 212 555 0100", "plus one, two one two, five five five, oh one oh oh"),
        ("00 44 20 7946 0958", "oh oh, four four, two oh, seven nine four six, oh nine five eight"),
    ],
)
def test_forms_of_prose_notes_and_science(text: str, reading: str) -> None:
    assert normalise(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        # pages, chats and code
        ("This is <b>bold</b> and <a href='https://x.org'>a link</a>.", "This is bold and a link."),
        ("<p>One.</p><p>Two<br/>three</p>", "One. Two, three"),
        ("H<sub>2</sub>O, a<b and List<String>", "H two O, a is less than b and List String"),
        ("See [the docs](https://example.com/a_(b)) and ![a cat](cat.png).", "See the docs and a cat."),
        ("a note [1](see below)", "a note (one)(see below)"),
        ("> What was said", "What was said"),
        ("btw, idk if ppl will come", "by the way, I don't know if people will come"),
        ("~/.bashrc, /etc/hosts, ~50", "tilde slash dot bashrc, slash etc slash hosts, about fifty"),
        ("f(x) = x^2 - 2x - 1, c = a / b", "f(x) equals x squared minus two x minus one, c equals a divided by b"),
        ("3 PM PST / 6 PM EST, tea / coffee", "three P M P S T, six P M E S T, tea, coffee"),
        # pairs, ratios and prices of one of many
        ("a yes/no question, and/or", "a yes or no question, and or"),
        ("the day/night cycle, 5 days/week", "the day slash night cycle, five days per week"),
        (
            "$85.20/bbl, £3/head, $3/lb",
            "eighty five dollars and twenty cents per barrel, three pounds per head, three dollars per pound",
        ),
        ("1:10,000, a 1:24 scale, at 1:24", "one to ten thousand, a one to twenty four scale, at one twenty four"),
        ("up 25 bps, 9600 bps", "up twenty five basis points, nine thousand six hundred bits per second"),
        ("1/2 c. of milk, 2 c. flour, 50 c", "one half cup of milk, two cups flour, fifty cents"),
        (
            "at 180C, 200C/400F, seat 18C",
            "at one hundred and eighty degrees Celsius, two hundred degrees Celsius or four hundred degrees Fahrenheit,"
            " seat eighteen C",
        ),
        # months and days without a number
        ("Jan. was cold. I told Jan. She left.", "January was cold. I told Jan. She left."),
        ("We left in Feb. It was late Oct.", "We left in February. It was late October."),
        ("Sat. night, (Mon.), a Tues.", "Saturday night, (Monday), a Tuesday."),
        ("Eq. (4), Nº 5, order #123", "equation (four), number five, order number one two three"),
        (
            "3.5% y/y, 0.2 % m/m, 5 m/m",
            "three point five percent year over year, zero point two percent month over month, five meters per meter",
        ),
        ("£9.99 p/m or 4% p/a", "nine pounds and ninety nine pence per month or four percent per annum"),
        ("Q4'22 and Q1 '23", "Q four twenty two and Q one twenty three"),
        (
            "68 deg. F, a 30-deg. slope, turn 90 deg.",
            "sixty eight degrees Fahrenheit, a thirty-degree slope, turn ninety degrees.",
        ),
        (
            "2560x1440 px, 1920x1080p, 1200x600mm",
            "twenty five sixty by fourteen forty pixels, "
            "nineteen twenty by ten eighty p, twelve hundred by six hundred millimeters",
        ),
        ("18-24-year-olds, a 2-3-week delay", "eighteen to twenty four-year-olds, a two to three-week delay"),
        (
            "149.6 million km, 2 million in all",
            "one hundred and forty nine point six million kilometers, two million in all",
        ),
        (
            "Approx. 5 men owe $2MM, see pp. 5ff. there",
            "Approximately five men owe two million dollars, see pages five and following there",
        ),
        ("a 3yo boy, an 18-y/o girl", "a three-year-old boy, an eighteen-year-old girl"),
        (
            "27 BC–AD 14, the F-35B, a 3B model",
            "twenty seven B C to A D fourteen, the F-thirty five B, a three billion model",
        ),
        ("S2E05, ep. 12, order #A-12", "season two episode five, episode twelve, order number A-twelve"),
        ("200g/7oz, 3 x 400g", "two hundred grams, seven ounces, three times four hundred grams"),
        ("Cook: 20m. SO₄²⁻", "Cook: twenty minutes. SO four two minus"),
        ("£900pcm, 5% p.a. or so", "nine hundred pounds per calendar month, five percent per annum or so"),
        ("Your OTP is 4829", "Your OTP is four eight two nine"),
        ("It was 72°F. He saw a mob.", "It was seventy two degrees Fahrenheit. He saw a mob."),
    ],
)
def test_forms_of_pages_chats_and_prices(text: str, reading: str) -> None:
    assert normalise(text) == reading


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        # counts
        ("1500 people", "one thousand five hundred people"),
        ("1984 people came in 1984", "one thousand nine hundred and eighty four people came in nineteen eighty four"),
        ("3000 steps", "three thousand steps"),
        ("1250 small dogs", "one thousand two hundred and fifty small dogs"),
        ("in 1200 words", "in one thousand two hundred words"),
        ("1001 nights", "one thousand and one nights"),
        ("2490 of them", "two thousand four hundred and ninety of them"),
        ("more than 1984", "more than one thousand nine hundred and eighty four"),
        ("1350 a month", "one thousand three hundred and fifty a month"),
        ("There were 2490.", "There were two thousand four hundred and ninety."),
        ("It cost £2490", "It cost two thousand four hundred and ninety pounds"),
        ("1500 km", "one thousand five hundred kilometers"),
        # years
        ("In 1984 prices rose", "In nineteen eighty four prices rose"),
        ("the 1984 elections", "the nineteen eighty four elections"),
        ("1984 remains a classic", "nineteen eighty four remains a classic"),
        ("It was only 1984.", "It was only nineteen eighty four."),
        ("until 2150", "until twenty one fifty"),
        ("On May 5, 2100 birds sang", "On May fifth, two thousand one hundred birds sang"),
        ("on 5 May 2112", "on the fifth of May twenty one twelve"),
        # names and times
        ("flight 2490", "flight twenty four ninety"),
        ("the Nokia 2490 phone", "the Nokia twenty four ninety phone"),
        ("room 1205", "room twelve oh five"),
        ("at 1500 hours", "at fifteen hundred hours"),
        ("020 7946 2958", "oh two oh, seven nine four six, two nine five eight"),
    ],
)
def test_four_digits_are_a_year_a_count_or_a_name(text: str, reading: str) -> None:
    assert normalise(text) == reading


@pytest.mark.parametrize(
    ("written", "american", "british"),
    [
        ("03/04/2024", "March fourth, twenty twenty four", "the third of April, twenty twenty four"),
        ("3/4/24", "March fourth, twenty twenty four", "the third of April, twenty twenty four"),
        ("3-4-1999", "March fourth, nineteen ninety nine", "the third of April, nineteen ninety nine"),
        ("13/04/2024", "April thirteenth, twenty twenty four", "the thirteenth of April, twenty twenty four"),
        ("04/13/2024", "April thirteenth, twenty twenty four", "the thirteenth of April, twenty twenty four"),
        ("3.4.2024", "April third, twenty twenty four", "the third of April, twenty twenty four"),
        ("2024-03-15", "March fifteenth, twenty twenty four", "the fifteenth of March, twenty twenty four"),
        ("1.2.24", "one point two point twenty four", "one point two point twenty four"),
    ],
)
def test_the_order_of_dates_is_that_of_the_language(written: str, american: str, british: str) -> None:
    assert normalise(f"On {written}.") == normalise(f"On {written}.", "en-us") == f"On {american}."
    assert normalise(f"On {written}.", "en-gb") == f"On {british}."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("His résumé.", "His rezumay."),
        ("Re\u0301sume\u0301s are read.", "Rezumays are read."),
        ("José's exposé on rosé", "Hozay's expozay on rozay"),
        ("They resume the café.", "They resume the cafe."),
    ],
)
def test_words_that_are_others_without_their_accents(text: str, said: str) -> None:
    assert normalise(text) == said


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("“Don’t,” she said – ‘no’…", '"Don\'t," she said — "no"…'),
        ("café naïve Ærø Straße Łódź", "cafe naive AEro Strasse Lodz"),
        ("Hel\x07lo\x00 wor\u200bld\u00ad\tthere\u2028now", "Hello world there now"),
        ("ﬁne ＨＥＬＬＯ", "fine HELLO"),
        ("wait.... what?!?! no!!!", "wait… what? no!"),
        ("one -- two - three", "one — two — three"),
        ("a well-known dogs' house", "a well-known dogs' house"),
        ("hello 😀 日本語 world", "hello world"),
        ("lone \ud83d surrogate", "lone surrogate"),
        ("", ""),
    ],
)
def test_characters(text: str, plain: str) -> None:
    assert normalise(text) == plain


def test_plain_sentences_stay_as_they_are() -> None:
    for text in (
        "According to him, the bus was behind; wasn't it?",
        'The only employee named "Junior" (that is all) was late.',
        "It may have been the GPU, or NASA's archive: who knows.",
    ):
        assert normalise(text) == text


NOISE = [
    "5" * 500,
    "1.2.3.4.5.6",
    "$$$ 5 £",
    "%%% 1/0 --5--",
    "+-*/=<>^~`|\\",
    "1e6 0x1F 5/6/7/8",
    "٣ ½ ² Ⅷ",
    "#1 #",
]


@pytest.mark.parametrize("text", NOISE)
def test_whatever_comes_only_known_symbols_leave(text: str) -> None:
    spoken = normalise(text)
    assert all(known(c) or known(c.upper()) for c in spoken)
    assert not re.search(r"\d", spoken)


def test_unspeakable_names_each_character_once() -> None:
    assert unspeakable("a 日本日 😀 café £5 “x” –") == "日本😀"


def test_fold_is_idempotent() -> None:
    text = "“Ünïcode” ½ … ﬁ"
    assert fold(fold(text)) == fold(text)


def test_another_language() -> None:
    with pytest.raises(BadText, match="English"):
        normalise("Hallo", language="de")
