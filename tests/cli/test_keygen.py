"""tacos keygen: a new key in a new file, for nobody else's eyes."""

import os
import re

from cli import expect_failure, run, run_ok


def test_makes_a_key(place):
    one, two = place / "one", place / "two"
    out = run_ok("keygen", one)
    assert out == (f"new key in {one}: keep a copy elsewhere, without it nobody can read the "
                   "store\n")
    run_ok("keygen", two)
    assert re.fullmatch(r"[0-9a-f]{64}\n", one.read_text(encoding="ascii"))
    assert one.read_text(encoding="ascii") != two.read_text(encoding="ascii")
    assert one.stat().st_mode & 0o7777 == 0o600
    assert one.read_text(encoding="ascii").strip() not in out


def test_the_mode_does_not_depend_on_umask(place):
    before = os.umask(0)
    try:
        run_ok("keygen", "key", cwd=place)
    finally:
        os.umask(before)
    assert (place / "key").stat().st_mode & 0o7777 == 0o600


def test_never_overwrites(place):
    key = place / "key"
    key.write_text("precious", encoding="ascii")
    expect_failure(run("keygen", key),
                   f"tacos keygen: {key} exists: a key is never overwritten, name another file\n")
    assert key.read_text(encoding="ascii") == "precious"


def test_nowhere_to_write(place):
    key = place / "missing" / "key"
    expect_failure(run("keygen", key),
                   f"tacos keygen: cannot create {key}: No such file or directory\n")
