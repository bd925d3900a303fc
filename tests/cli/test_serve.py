"""tacos serve: start, stop, be killed, refuse to share; small and quick when empty."""

import json
import re
import signal
import time

import pytest

from cli import Server, check, expect_failure, run, use_store

STOPPED = "tacos serve: stopped, everything is on disk\n"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_starts_and_stops(place, how):
    with Server(cwd=place) as server:
        assert re.fullmatch(r"tacos serve: data in \./tacos-data: 7 tables \(7 new\), 0 items, "
                            r"opened in \d+ ms; Ctrl-C stops it\n", server.line)
        assert server.stop(how) == (0, STOPPED, "")
    check(place / "tacos-data")
    assert (place / "tacos-data").stat().st_mode & 0o777 == 0o700


def test_an_empty_one_is_quick_and_small(place):
    # One of ten starts: others may have the cores and the disk at the moment.
    seconds = []
    while len(seconds) < 10 and (not seconds or seconds[-1] >= 0.050):
        with Server("--data-dir", place / str(len(seconds))) as server:
            seconds.append(server.seconds)
            time.sleep(0.2)
            assert server.resident_bytes() < 20 << 20
            assert server.stop()[0] == 0
    assert seconds[-1] < 0.050, seconds


def test_idle_costs_nothing(place):
    with Server("--data-dir", place) as server:
        def cpu_seconds():
            with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / 100
        time.sleep(0.5)  # the next log segment is being zeroed
        before = cpu_seconds()
        time.sleep(1)
        assert cpu_seconds() - before <= 0.03
        assert server.stop()[0] == 0


def test_stops_while_others_read_nothing(place):
    """A closed stderr or stdout is no reason to fail."""
    with Server("--data-dir", place) as server:
        server.process.stderr.close()
        server.process.stderr = None
        assert server.stop()[0] == 0


def test_survives_being_killed(place):
    for round_number in range(5):
        with Server("--data-dir", place) as server:
            new = 7 if round_number == 0 else 0
            assert f"7 tables ({new} new), 0 items" in server.line
            server.stop(signal.SIGKILL)
        check(place)
    with Server("--data-dir", place) as server:
        assert server.stop() == (0, STOPPED, "")


def test_a_second_one_is_refused(place):
    with Server("--data-dir", place) as server:
        expect_failure(run("serve", "--data-dir", place),
                       f"tacos serve: the directory '{place}' is in use by another process: stop "
                       "that one first, or name another directory\n")
        assert server.stop() == (0, STOPPED, "")


def test_counts_items(place):
    assert use_store("fill", place) == "1000\n"
    with Server("--data-dir", place) as server:
        assert "8 tables (7 new), 2000 items" in server.line
        assert server.stop() == (0, STOPPED, "")


def test_directories_that_cannot_be(place):
    (place / "file").write_text("x", encoding="ascii")
    for directory, reason in (
            ("missing/data", "cannot make the directory 'missing/data': No such file or directory"),
            ("file", "cannot open file/lock: Not a directory"),
            ("/proc/data", "cannot make the directory '/proc/data': No such file or directory")):
        expect_failure(run("serve", "--data-dir", directory, cwd=place),
                       f"tacos serve: {reason}\n")
    done = run("serve", "--data-dir", "d" * 2000)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tacos serve: ")


def test_damage_refuses_to_start(place):
    with Server("--data-dir", place) as server:
        assert server.stop()[0] == 0
    segment = place / "log-0000000000000001.seg"
    content = bytearray(segment.read_bytes())
    content[4096 + 100] ^= 1
    segment.write_bytes(content)
    done = run("serve", "--data-dir", place)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tacos serve: {segment} at offset 4096: ")
    assert segment.read_bytes() == content


def test_log_without_identity_refuses_to_start(place):
    with Server("--data-dir", place) as server:
        assert server.stop()[0] == 0
    (place / "identity").unlink()
    done = run("serve", "--data-dir", place)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tacos serve: {place} holds ")
    assert "no file 'identity'" in done.stderr


def test_reports_are_json_lines(place):
    """A damaged snapshot is told, and the log serves instead of it."""
    use_store("fill", place)
    snapshot, = place.glob("snapshot-*.snap")
    content = bytearray(snapshot.read_bytes())
    content[5000] ^= 1
    snapshot.write_bytes(content)
    with Server("--data-dir", place) as server:
        assert "8 tables (7 new), 2000 items" in server.line
        status, out, log = server.stop()
    assert (status, out) == (0, STOPPED)
    lines = [json.loads(line) for line in log.splitlines()]
    assert len(lines) == 1
    assert lines[0]["level"] == "warning"
    assert (lines[0]["room"], lines[0]["event"]) == ("store", "report")
    assert lines[0]["message"] == (f"{snapshot} at offset 4096: a frame is damaged; trying an "
                                   "older snapshot and more of the log")
