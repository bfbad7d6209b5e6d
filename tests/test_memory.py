"""Memory that is freed and soon needed again."""

import platform
import subprocess
import sys

import pytest

MEGABYTES = """
import numpy as np
import psutil
from voicebank.data.memory import kept

def held():
    return psutil.Process().memory_info().rss / 1e6

before = held()
with kept():
    block = np.ones(25_000_000)
    del block
    within = held() - before
print(within, held() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do as they do")
def test_it_stays_with_the_process_until_the_work_is_over() -> None:
    run = subprocess.run([sys.executable, "-c", MEGABYTES], capture_output=True, text=True, check=True)
    within, after = map(float, run.stdout.split())
    assert within > 180 and after < 20
