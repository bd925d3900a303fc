"""tools/test: how it counts, and that nothing that goes wrong counts as passed."""

import subprocess
from pathlib import Path

RUNNER = Path(__file__).resolve().parents[2] / "tools" / "test"


def program(directory, name, body):
    path = directory / name
    path.write_text("#!/bin/sh\n" + body, encoding="utf-8")
    path.chmod(0o755)
    return path


def run(*arguments):
    done = subprocess.run([RUNNER, *arguments], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


CMOCKA_GOOD = """
echo "[==========] Running 3 test(s)."
echo "[==========] 3 test(s) run."
echo "[  PASSED  ] 3 test(s)."
"""
CMOCKA_BAD = """
echo "[==========] Running 3 test(s)."
echo "[  FAILED  ] test_seat"
echo "[  PASSED  ] 1 test(s)."
echo "[  SKIPPED ] 1 test(s), listed below:"
echo "[  FAILED  ] 1 test(s), listed below:"
exit 1
"""


def test_cmocka_tests_are_counted(tmp_path):
    good = program(tmp_path, "good", CMOCKA_GOOD)
    status, lines = run(f"unit:{good}", f"tsan:{good}")
    assert status == 0
    assert lines[-1] == "6 passed, 0 failed"
    assert len(lines) == 3  # nothing of what a good program printed


def test_failure_is_counted_and_shown(tmp_path):
    good = program(tmp_path, "good", CMOCKA_GOOD)
    bad = program(tmp_path, "bad", CMOCKA_BAD)
    status, lines = run(f"unit:{good}", f"unit:{bad}")
    assert status == 1
    assert lines[-1] == "4 passed, 1 failed, 1 skipped"
    assert "[  FAILED  ] test_seat" in lines


def test_crash_is_a_failure_also_after_good_numbers(tmp_path):
    crash = program(tmp_path, "crash", CMOCKA_GOOD + "kill -ABRT $$\n")
    status, lines = run(f"unit:{crash}")
    assert status == 1
    assert lines[-1] == "3 passed, 1 failed"
    assert "killed by SIGABRT" in lines[0]


def test_program_without_numbers_is_one_test(tmp_path):
    status, lines = run(f"sim:{program(tmp_path, 'a', 'echo fine')}")
    assert (status, lines[-1]) == (0, "1 passed, 0 failed")
    status, lines = run(f"sim:{program(tmp_path, 'b', 'exit 3')}")
    assert (status, lines[-1]) == (1, "0 passed, 1 failed")
    assert "exit status 3" in lines[0]


def test_missing_program_is_a_failure(tmp_path):
    status, lines = run(f"unit:{tmp_path / 'absent'}")
    assert (status, lines[-1]) == (1, "0 passed, 1 failed")
    assert "cannot be started" in lines[0]


def test_replay_gets_its_seeds(tmp_path):
    replay = program(tmp_path, "fuzz_json", '[ "$1" = tests/fuzz/seeds/json ]')
    status, lines = run(f"replay:{replay}")
    assert (status, lines[-1]) == (0, "1 passed, 0 failed")


def test_pytest_tests_are_counted(tmp_path):
    tests = tmp_path / "test_sample.py"
    tests.write_text("import pytest\n"
                     "def test_one(): pass\n"
                     "def test_two(): assert False\n"
                     "def test_three(): pytest.skip()\n", encoding="utf-8")
    status, lines = run(f"python:{tests}")
    assert (status, lines[-1]) == (1, "1 passed, 1 failed, 1 skipped")


def test_python_file_without_tests_is_a_failure(tmp_path):
    tests = tmp_path / "test_empty.py"
    tests.write_text("", encoding="utf-8")
    status, lines = run(f"python:{tests}")
    assert (status, lines[-1]) == (1, "0 passed, 1 failed")


def test_nothing_to_run_is_a_failure():
    assert run() == (1, ["0 passed, 0 failed"])


def test_unknown_kind_is_refused():
    status, lines = run("zoo:x")
    assert status == 2
    assert "the kind is not one of" in lines[0]


def test_sanitizers_are_told_to_look_for_leaks(tmp_path, monkeypatch):
    monkeypatch.delenv("ASAN_OPTIONS", raising=False)
    check = program(tmp_path, "check", "echo $ASAN_OPTIONS | grep -q detect_leaks=1")
    assert run(f"unit:{check}")[1][-1] == "1 passed, 0 failed"
