"""tacos version."""

import re

from cli import run_ok


def test_prints_one_line():
    out = run_ok("version")
    assert re.fullmatch(r"tacos \S+\n", out)
    assert run_ok("--version") == out
