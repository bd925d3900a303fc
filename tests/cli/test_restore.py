"""tacos restore: a new store, as it was at any moment."""

import re
import time
from datetime import datetime, timezone

import pytest

from cli import TABLES_IN_ALL, INSTANT, Server, check, expect_failure, run, run_ok, use_store


def now():
    """This moment, with milliseconds that nothing else shares."""
    time.sleep(0.003)
    text = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    time.sleep(0.003)
    return text.replace("+00:00", "Z")


def test_everything(place):
    data, copy, new = place / "data", place / "copy", place / "new"
    use_store("fill", data)
    run_ok("backup", copy, "--data-dir", data)
    out = run_ok("restore", copy, "--data-dir", new)
    assert re.fullmatch(rf"restored {copy} to {new}: everything up to {INSTANT} \(record 1001\)\n"
                        r"  writes +2000 items\n", out)
    check(new)
    assert use_store("read", new) == "1000\n"
    assert use_store("fill", new) == "2000\n"
    check(new)


def test_at_a_moment(place):
    data, copy = place / "data", place / "copy"
    moments = []
    for _ in range(3):
        use_store("fill", data)
        moments.append(now())
    run_ok("backup", copy, "--data-dir", data)
    for source in copy, data:
        for number, moment in enumerate(moments, 1):
            new = place / f"{source.name}-{number}"
            out = run_ok("restore", source, "--at", moment, "--data-dir", new)
            assert f"(record {1000 * number + 1})" in out
            check(new)
            assert use_store("read", new) == f"{1000 * number}\n"


def test_with_the_server_running(place):
    """Restoring from a live data directory, into another one."""
    with Server("--data-dir", place / "data") as server:
        out = run_ok("restore", place / "data", "--data-dir", place / "new")
        assert out.count(" items\n") == TABLES_IN_ALL
        assert server.stop()[::2] == (0, "")
    with Server("--data-dir", place / "new") as server:
        assert f"{TABLES_IN_ALL} tables (0 new)" in server.line
        assert server.stop()[::2] == (0, "")


@pytest.mark.parametrize("moment, reason", [
    ("yesterday", "not a time like 2026-11-23T05:12:00Z or 2026-11-23T05:12:00.000+01:00"),
    ("2026-11-23", "not a time like 2026-11-23T05:12:00Z or 2026-11-23T05:12:00.000+01:00"),
    ("2026-11-23T20:00:00", "not a time like 2026-11-23T05:12:00Z or "
                            "2026-11-23T05:12:00.000+01:00"),
    ("2026-02-30T20:00:00Z", "day 30 is not in 1 to 28, the days of 2026-02"),
    ("2026-13-01T20:00:00Z", "month 13 is not in 1 to 12"),
])
def test_times_that_are_none(place, moment, reason):
    expect_failure(run("restore", "copy", "--at", moment, cwd=place),
                   f"tacos restore: --at {moment}: {reason}\n", status=2)
    assert list(place.iterdir()) == []


def test_before_there_was_anything(place):
    use_store("fill", place / "data")
    done = run("restore", "data", "--at", "2020-01-01T00:00:00Z", "--data-dir", "new", cwd=place)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(rf"tacos restore: 'data' reaches back to {INSTANT} only: ", done.stderr)


def test_a_moment_to_come_is_all_there_is(place):
    use_store("fill", place / "data")
    run_ok("restore", "data", "--at", "2999-01-01T00:00:00+02:00", "--data-dir", "new", cwd=place)
    assert use_store("read", place / "new") == "1000\n"


def test_never_over_something(place):
    use_store("fill", place / "data")
    run_ok("backup", "copy", "--data-dir", "data", cwd=place)
    for target in "data", "copy":
        done = run("restore", "copy", "--data-dir", target, cwd=place)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"tacos restore: '{target}' is not empty: ")
    with Server("--data-dir", place / "data"):
        done = run("restore", "copy", "--data-dir", "data", cwd=place)
        assert "is in use by another process" in done.stderr
    assert use_store("read", place / "data") == "1000\n"


def test_no_backup_there(place):
    expect_failure(run("restore", "copy", "--data-dir", "new", cwd=place),
                   "tacos restore: there is no store in 'copy' (no file 'identity'): name the data "
                   "directory of a store, or start one there with 'tacos serve'\n")


def test_damage_is_not_restored(place):
    use_store("fill", place / "data")
    next((place / "data").glob("*.snap")).unlink()
    segment = place / "data" / "log-0000000000000001.seg"
    content = bytearray(segment.read_bytes())
    content[50000] ^= 1
    segment.write_bytes(content)
    done = run("restore", "data", "--data-dir", "new", cwd=place)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tacos restore: data/log-0000000000000001.seg at offset ")
    # What was cut short is no store.
    assert "there is no store in 'new'" in run("check", "new", cwd=place).stderr
