"""Voices that mean harm: each function spoils the files of a good one. Also a program that tries to load them.

``python hub_hostile.py NAME...`` loads the repositories me/NAME from $HF_ENDPOINT and prints, as JSON, what came of
each, the computing it took, and the most memory the process ever had beyond its libraries.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from voicebank.text.frontend import Frontend, Unit

T2M, SSRN, CONFIG, CARD, SAMPLE = "text2mel.safetensors", "ssrn.safetensors", "config.json", "README.md", "sample.ogg"
Files = dict[str, bytes]
HOSTILE: dict[str, Callable[[Files], None]] = {}


class Bomb:
    """What a pickle runs when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('a pickle was loaded')",))


def hostile(spoil: Callable[[Files], None]) -> Callable[[Files], None]:
    """Register it under its name."""
    HOSTILE[spoil.__name__.replace("_", "-")] = spoil
    return spoil


def configured(files: Files, **changes: Any) -> None:
    """Change the config; a table is merged."""
    config = json.loads(files[CONFIG])
    for key, value in changes.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) and key in config else value
    files[CONFIG] = json.dumps(config).encode()


def header(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and tensors of a safetensors file."""
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def packed(head: dict[str, Any] | bytes, data: bytes) -> bytes:
    """The reverse."""
    raw = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def retold(files: Files, name: str, **changes: Any) -> None:
    """Change what the header says of the file's first tensor."""
    head, data = header(files[name])
    first = min((k for k in head if k != "__metadata__"), key=lambda k: head[k]["data_offsets"])
    head[first] |= changes
    files[name] = packed(head, data)


def zipped(size: int) -> bytes:
    """A zip file that unpacks to many times its size."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for i in range(4):
            file.writestr(f"{i}.wav", b"\0" * size)
    return out.getvalue()


@hostile
def pickle_for_text2mel(files: Files) -> None:
    files[T2M] = pickle.dumps(Bomb())


@hostile
def pickle_for_ssrn(files: Files) -> None:
    files[SSRN] = pickle.dumps(Bomb()) + b"\0" * 100_000


@hostile
def pickle_beside(files: Files) -> None:
    files["pytorch_model.bin"] = pickle.dumps(Bomb())
    del files[T2M]


@hostile
def zip_for_ssrn(files: Files) -> None:
    files[SSRN] = zipped(1_000_000)


@hostile
def config_beyond_bounds(files: Files) -> None:
    configured(files, text2mel={"channels": 10**9})


@hostile
def config_of_100_gb(files: Files) -> None:
    wide = {"channels": 2048, "text_channels": 2048, "embedding": 2048, "speakers": 4096}
    deep = {f"{part}_dilations": [1] * 32 for part in ("text", "audio", "decoder")}
    configured(files, text2mel={**wide, **deep}, ssrn={"channels": 2048, "top_channels": 2048})


@hostile
def config_larger_than_the_weights(files: Files) -> None:
    configured(files, ssrn={"channels": 512, "top_channels": 1024})


@hostile
def shape_of_terabytes(files: Files) -> None:
    retold(files, T2M, shape=[10**6, 10**6])


@hostile
def shape_that_overflows(files: Files) -> None:
    retold(files, T2M, shape=[2**32, 2**32])


@hostile
def shape_that_is_negative(files: Files) -> None:
    retold(files, T2M, shape=[-1, -5])


@hostile
def header_of_exabytes(files: Files) -> None:
    files[T2M] = struct.pack("<Q", 2**63) + files[T2M][8:]


@hostile
def header_that_nests(files: Files) -> None:
    files[T2M] = packed(b"[" * 200_000, files[T2M])


@hostile
def header_of_many_tensors(files: Files) -> None:
    head, data = header(files[T2M])
    head |= {f"x{i}": {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]} for i in range(100_000)}
    files[T2M] = packed(head, data)


@hostile
def tensors_that_overlap(files: Files) -> None:
    head, data = header(files[T2M])
    spans = [v["data_offsets"] for k, v in head.items() if k != "__metadata__"]
    sizes = {stop - start: start for start, stop in spans}
    for value in (v for k, v in head.items() if k != "__metadata__"):
        start, stop = value["data_offsets"]
        value["data_offsets"] = [sizes[stop - start], sizes[stop - start] + stop - start]
    files[T2M] = packed(head, data)


@hostile
def tensors_beyond_the_end(files: Files) -> None:
    retold(files, T2M, data_offsets=[10**12, 10**12 + 2])


@hostile
def tensors_cut_short(files: Files) -> None:
    files[SSRN] = files[SSRN][:-1000]


@hostile
def tensors_with_more_behind(files: Files) -> None:
    files[SSRN] += zipped(1000)


@hostile
def tensors_of_integers(files: Files) -> None:
    head, data = header(files[T2M])
    for value in (v for k, v in head.items() if k != "__metadata__"):
        value["dtype"] = "I16"
    files[T2M] = packed(head, data)


@hostile
def tensors_of_bfloat16(files: Files) -> None:
    retold(files, SSRN, dtype="BF16")


@hostile
def tensors_of_no_type(files: Files) -> None:
    retold(files, SSRN, dtype="os.system")


@hostile
def tensor_too_many(files: Files) -> None:
    head, data = header(files[T2M])
    head["extra"] = {"dtype": "F16", "shape": [1], "data_offsets": [len(data), len(data) + 2]}
    files[T2M] = packed(head, data + b"\0\0")


@hostile
def tensors_not_a_number(files: Files) -> None:
    head, data = header(files[T2M])
    files[T2M] = packed(head, b"\x00\x7e" * (len(data) // 2))


@hostile
def tensors_infinite(files: Files) -> None:
    head, data = header(files[SSRN])
    files[SSRN] = packed(head, data[:-2] + b"\x00\x7c")


@hostile
def weights_larger_than_the_config_allows(files: Files) -> None:
    files[T2M] += b"\0" * 12_000_000


@hostile
def path_upwards(files: Files) -> None:
    files["../evil.safetensors"] = b"x"


@hostile
def path_of_the_root(files: Files) -> None:
    files["/etc/cron.d/evil"] = b"x"


@hostile
def path_of_windows(files: Files) -> None:
    files["..\\..\\evil.exe"] = b"x"


@hostile
def link_for_config(files: Files) -> None:
    files[CONFIG] = b"../../../../../../etc/passwd"  # what the Hub serves for a link of git


@hostile
def link_for_weights(files: Files) -> None:
    files[T2M] = b"/dev/zero"


@hostile
def field_unknown(files: Files) -> None:
    configured(files, auto_map={"AutoModel": "modeling.Evil"})


@hostile
def frontend_of_a_module(files: Files) -> None:
    configured(files, frontend={"name": "os:system"})


@hostile
def frontend_with_another_kind(files: Files) -> None:
    configured(files, frontend={"options": {"kind": "vocoder"}})


@hostile
def config_that_nests(files: Files) -> None:
    files[CONFIG] = b'{"training":' + b"[" * 100_000


@hostile
def config_of_2_mb(files: Files) -> None:
    configured(files, training={"x": "x" * 2_000_000})


@hostile
def config_not_text(files: Files) -> None:
    files[CONFIG] = b"\xff\xfe{\0}\0"


@hostile
def config_of_the_future(files: Files) -> None:
    configured(files, format_version=99)


@hostile
def config_not_a_number(files: Files) -> None:
    configured(files, audio={"magnitude_top": float("nan")})


@hostile
def config_with_gaps(files: Files) -> None:
    configured(files, audio={"hop": 1024, "n_fft": 256})


@hostile
def config_that_writes_to_the_terminal(files: Files) -> None:
    configured(files, name="\x1b]0;owned\x07\x1b[2J")


@hostile
def sample_that_unzips(files: Files) -> None:
    files[SAMPLE] = zipped(200_000_000 // 4)


@hostile
def sample_with_a_zip_behind(files: Files) -> None:
    files[SAMPLE] += zipped(1_000_000)


@hostile
def sample_of_a_thousand_hours(files: Files) -> None:
    content = bytearray(files[SAMPLE])
    last = content.rindex(b"OggS")
    struct.pack_into("<q", content, last + 6, 48000 * 3_600_000)
    files[SAMPLE] = bytes(content)


@hostile
def sample_of_6_mb(files: Files) -> None:
    files[SAMPLE] += b"\0" * 6_000_000


@hostile
def signature_of_1_mb(files: Files) -> None:
    files["model.sig"] = b" " * 1_000_000


@hostile
def signature_of_nothing(files: Files) -> None:
    files["model.sig"] = b'{"verificationMaterial": {}, "dsseEnvelope": {"payload": "\x1b[2J"}}'


@hostile
def tensor_beyond_float16(files: Files) -> None:
    tensors = load(files[T2M])
    name = next(iter(tensors))
    tensors[name] = tensors[name].astype(np.float32)
    tensors[name].flat[0] = 70_000
    files[T2M] = save(tensors)


@hostile
def config_of_a_name_that_is_blank(files: Files) -> None:
    configured(files, name="\u3164")


@hostile
def config_of_a_name_in_braille(files: Files) -> None:
    configured(files, name="\u2800")


@hostile
def config_of_notes_that_write_to_the_terminal(files: Files) -> None:
    configured(files, training={"scores": {"\x1b[2J": 1}})


@hostile
def config_of_notes_with_values_that_do(files: Files) -> None:
    configured(files, training={"scores": ["\x1b]0;owned\x07"]})


@hostile
def config_of_frames_that_multiply(files: Files) -> None:
    configured(files, audio={"sample_rate": 48000, "hop": 64, "reduction": 1}, seconds_per_symbol=0.5)


@hostile
def config_of_seconds_that_multiply(files: Files) -> None:
    configured(files, seconds_per_symbol=2.0)


# Cards that a page would run; they are text, and no reason not to load a voice.
CARDS = (
    "<script src='https://evil.example/x.js'></script>",
    "<img src=x alt='>' onerror='alert(1)'>",
    "<a href='java&#115;cript:alert(1)'>x</a><meta http-equiv=refresh content=0><base href='//evil.example'>",
    "A card that mentions `<script>` and javascript: links.",
    "<a " * 200_000 + "\n<SCRIPT>",
    b"\xff\xfe",
)


class Shell(Frontend):
    """A frontend of a third party that takes a program's name."""

    name = "shell"
    safe_options = frozenset({"voice"})

    def __init__(self, language: str = "en-us", program: str = "", voice: str = "") -> None:
        self.language, self.program = language, program

    def units(self, sentence: str) -> list[Unit]:
        os.system(self.program)
        return [Unit("a", "A")]


def main(names: list[str]) -> None:
    """Load each, and tell."""
    import re
    import time
    from pathlib import Path

    import model_signing.verifying  # noqa: F401  (a library: not what is measured)

    from voicebank import bank
    from voicebank.errors import VoicebankError

    bank.load("me/good")
    told: dict[str, Any] = {}
    for name in names:
        start = time.process_time()
        try:
            bank.load(f"me/{name}")
            told[name] = ("loaded", "", 0.0)
        except VoicebankError as error:
            told[name] = (type(error).__name__, str(error), time.process_time() - start)
        except BaseException as error:  # noqa: BLE001 - the very thing that is looked for
            told[name] = (f"not named: {type(error).__name__}", str(error), time.process_time() - start)
    # Of this program alone: ru_maxrss starts with the size of the process that started it.
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024  # type: ignore[index]
    print(json.dumps({"told": told, "megabytes": peak}))


if __name__ == "__main__":
    main(sys.argv[1:])
