"""tacos check: says what is there, and finds what is wrong with file and offset, or in a table."""

import re
import subprocess

import pytest

from cli import (INSTANT, ROOT, TABLES_IN_ALL, TIMEOUT_S, Server, check, expect_failure, run,
                 run_ok, use_store)

SALE_WRITER = ROOT / "build" / "release" / "tests" / "cli" / "sale_writer"
LISTEN = ("--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0")


def use_sale(*words):
    """Runs the writer of tickets to its end."""
    subprocess.run([SALE_WRITER, *map(str, words)], check=True, timeout=TIMEOUT_S)


def law(out, name):
    """What the line of a law says, without its name."""
    found = [line.split(maxsplit=1)[1] for line in out.splitlines() if line.split()[0] == name]
    assert len(found) == 1, out
    return found[0]


def damage(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x10
    path.write_bytes(content)


def contents(place):
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_what_it_prints(place):
    use_store("fill", place)
    before = contents(place)
    out = check(place)
    assert re.fullmatch(r"snapshots   1, 2002 records\n"
                        r"log         1 segments, 1001 records, 1 to 1001\n"
                        r"images      4002\n"
                        rf"restorable  {INSTANT} to {INSTANT}\n"
                        r"nothing wrong\n", out)
    assert contents(place) == before


def test_while_serving(place):
    with Server("--data-dir", place, *LISTEN) as server:
        out = check(place)
        records = re.search(r"log         1 segments, (\d+) records, 1 to (\d+)\n", out)
        assert int(records[1]) == int(records[2]) >= TABLES_IN_ALL
        assert law(out, "tickets") == "0"
        assert server.stop()[::2] == (0, "")


def test_tickets_that_were_sold(place):
    use_sale("fill", place, 2, 300)
    before = contents(place)
    out = check(place)
    laws = [line for line in out.splitlines()[4:-1] if not line.startswith("note ")]
    assert laws == [
        "events      2: each with its whole plan",
        "seats       600: each with one ticket at its price",
        "tickets     600: each in one state",
        "holders     300: no seat held or sold twice",
        "reservations 200: each with its tickets and its one end",
        "buyers      200: each with as many seats as counted",
        "orders      122: each of one reservation and paid once",
        "payments    148: each for one order or given back; 26 waiting for a worker",
        "money       2: each event sold what it was paid for",
        "history     1,344: each version of each ticket once",
        "outbox      1,864: each change told; 1,864 waiting to be published",
        "idempotency 0"]
    notes = [line for line in out.splitlines() if line.startswith("note ")]
    assert len(notes) == 5
    assert re.match(r"note        payment pi_\w+ is COMPLETED and waits for its worker", notes[0])
    assert contents(place) == before
    # A server may have the directory meanwhile.
    with Server("--data-dir", place, *LISTEN) as server:
        assert law(check(place), "tickets") == "600: each in one state"
        assert server.stop()[0] == 0


def test_a_backup_is_audited_as_well(place):
    use_sale("fill", place / "data", 1, 60)
    run_ok("backup", place / "copy", "--data-dir", place / "data")
    assert law(check(place / "copy"), "tickets") == "60: each in one state"


@pytest.mark.parametrize("table, key, name, value, finding", [
    ("ticket-tickets", "TICKET#e1:B-GA-30", "status", "SOLD",
     "holders: ticket e1:B-GA-30 is SOLD to (none), but no paid order names it"),
    ("ticket-tickets", "TICKET#e1:B-GA-30", "seatNumber", "B-GA-1",
     "tickets: ticket e1:B-GA-30: ticketId, eventId or seatNumber are another's"),
    ("ticket-tickets", "EVENT#e1", "planPieces", "none",
     "events: event e1: its plan of seats is not whole"),
])
def test_a_finding_names_law_and_id(place, table, key, name, value, finding):
    use_sale("fill", place, 1, 60)
    use_sale("break", place, table, key, name, value)
    done = run("check", place)
    assert done.returncode == 1
    assert f"tacos check: {finding}\n" in done.stderr
    last = done.stdout.splitlines()[-1]
    assert last == f"findings    {len(done.stderr.splitlines())}"
    assert f": {finding.split(':')[0]}" not in done.stdout
    said = law(done.stdout, finding.split(":")[0]).split("; ")[0]
    assert said.endswith((" finding", " findings"))
    # The files are as they were written.
    assert run_ok("check", place, "--files-only").endswith("\nnothing wrong\n")


def test_more_findings_than_are_told(place):
    use_sale("fill", place, 1, 60)
    for number in range(1, 31):
        use_sale("break", place, "ticket-tickets", f"TICKET#e1:A-GA-{number}", "ticketId", "x")
    done = run("check", place)
    told = [line for line in done.stderr.splitlines() if line.startswith("tacos check: tickets: ")]
    assert len(told) == 21
    assert told[-1] == "tacos check: tickets: and 10 more"
    assert law(done.stdout, "tickets") == "60: 30 findings"
    assert done.stdout.splitlines()[-1] == "findings    30"


def test_files_only(place):
    use_sale("fill", place, 1, 60)
    assert len(check(place, "--files-only").splitlines()) == 5
    done = run("check", place, "--files-only=yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tacos check: --files-only takes no value\n")


def test_each_finding_has_file_and_offset(place):
    use_store("fill", place)
    use_store("fill", place)
    segments = sorted(place.glob("*.seg"))
    snapshots = sorted(place.glob("*.snap"))
    assert (len(segments), len(snapshots)) == (2, 2)
    damage(segments[0], 70000)
    damage(segments[1], 20)
    damage(snapshots[0], 5000)
    before = contents(place)
    done = run("check", place)
    assert done.returncode == 1
    assert contents(place) == before
    findings = done.stderr.splitlines()
    assert findings[0] == (f"tacos check: {snapshots[0]} at offset 4096: a frame is damaged")
    assert re.match(rf"tacos check: {segments[0]} at offset \d+: records are missing here, the "
                    r"next segment begins with sequence 1002 \(sequence \d+\)$", findings[1])
    assert findings[2].startswith(f"tacos check: {segments[1]}")
    assert len(findings) == 3
    assert done.stdout.splitlines()[-2:] == [
        "tables      not looked at: restore the files first", "findings    3"]
    assert done.stdout.startswith("snapshots   1, ")


def test_a_log_that_lost_its_beginning(place):
    use_store("fill", place)
    use_store("fill", place)
    (place / "log-0000000000000001.seg").unlink()
    done = run("check", place)
    snapshot = sorted(place.glob("*.snap"))[0]
    assert done.returncode == 0, done.stderr
    assert f"{int(snapshot.stem[-16:], 16) + 1} to 2001\n" in done.stdout
    (place / snapshot.name).unlink()
    done = run("check", place)
    assert done.returncode == 0, done.stderr
    sorted(place.glob("*.snap"))[0].unlink()
    expected = (f"tacos check: the log in {place} begins with record 1002, and no undamaged "
                "snapshot reaches it: restore from a backup\n")
    done = run("check", place)
    assert (done.returncode, done.stderr) == (1, expected)
    assert done.stdout.splitlines()[-3:] == [
        "restorable  nothing", "tables      not looked at: restore the files first",
        "findings    1"]


def test_no_store(place):
    for directory in place, place / "missing", place / "file":
        (place / "file").write_text("x", encoding="ascii")
        done = run("check", directory)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("tacos check: ")
        assert str(directory) in done.stderr


def test_an_unreadable_identity(place):
    use_store("fill", place)
    damage(place / "identity", 20)
    done = run("check", place)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tacos check: {place}/identity")
    (place / "identity").write_bytes(b"")
    expected = f"tacos check: {place}/identity"
    assert run("check", place).stderr.startswith(expected)


def test_a_newer_format(place):
    use_store("fill", place)
    segment = place / "log-0000000000000001.seg"
    content = bytearray(segment.read_bytes())
    content[8] = 2
    segment.write_bytes(content)
    done = run("check", place)
    assert done.returncode == 1
    assert str(segment) in done.stderr.splitlines()[0]
    expect_failure(run("serve", "--data-dir", place),
                   done.stderr.splitlines()[0].replace("check", "serve") + "\n")
