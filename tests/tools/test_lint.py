"""tools/lint on small trees: what is good passes, each broken rule is found at its line."""

import subprocess
from pathlib import Path

import pytest

LINT = Path(__file__).resolve().parents[2] / "tools" / "lint"

HEADER = """/*
 * Seats.
 */
#ifndef TACOS_SALE_SEAT_H
#define TACOS_SALE_SEAT_H

#include "base/bytes.h"
#include "store/item.h"

#endif
"""
SOURCE = """#include "sale/seat.h"

#include <stdio.h>

void seat_print(void)
{
  puts("{");
}
"""


@pytest.fixture
def tree(tmp_path):
    write(tmp_path, "src/sale/seat.h", HEADER)
    write(tmp_path, "src/sale/seat.c", SOURCE)
    write(tmp_path, "tests/unit/sale/test_seat.c", '#include "api/routes.h"\n')
    return tmp_path


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def lint(root):
    done = subprocess.run([LINT, root], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    findings = done.stdout.splitlines()
    assert done.returncode == (1 if findings else 0)
    return findings[:-1]  # the last line counts them


def assert_finding(root, start):
    findings = lint(root)
    assert len(findings) == 1, findings
    assert findings[0].startswith(start), findings


def test_good_tree_passes(tree):
    assert lint(tree) == []


def test_tree_without_sources_is_refused(tmp_path):
    done = subprocess.run([LINT, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no src directory" in done.stdout


def function_of(lines):
    return "\nvoid long_one(void)\n{\n" + "  step();\n" * (lines - 2) + "}\n"


def test_function_of_70_lines_passes(tree):
    write(tree, "src/sale/seat.c", SOURCE + function_of(70))
    assert lint(tree) == []


def test_function_of_71_lines_is_found(tree):
    write(tree, "src/sale/seat.c", SOURCE + function_of(71))
    assert_finding(tree, "src/sale/seat.c:11: function of 71 lines, the limit is 70")


def test_braces_in_comments_and_strings_are_not_functions(tree):
    text = "/*\n{\n" + " * text\n" * 100 + "}\n*/\n"
    write(tree, "src/sale/seat.c", SOURCE + text)
    assert lint(tree) == []


def test_file_of_1000_lines_passes_and_1001_is_found(tree):
    filler = "int x;\n" * (1000 - SOURCE.count("\n"))
    write(tree, "src/sale/seat.c", SOURCE + filler)
    assert lint(tree) == []
    write(tree, "src/sale/seat.c", SOURCE + filler + "int x;\n")
    assert_finding(tree, "src/sale/seat.c:1001: 1001 lines, the limit is 1000")


def test_columns_are_characters(tree):
    write(tree, "src/sale/seat.c", SOURCE + "/* " + "é" * 94 + " */\n")
    assert lint(tree) == []
    write(tree, "src/sale/seat.c", SOURCE + "/* " + "é" * 95 + " */\n")
    assert_finding(tree, "src/sale/seat.c:9: 101 columns, the limit is 100")


def test_python_lines_are_measured_too(tree):
    write(tree, "tools/helper", "#" * 101 + "\n")
    assert_finding(tree, "tools/helper:1: 101 columns")


@pytest.mark.parametrize("room,included,word", [
    ("store", "sale/seat.h", "above it"),
    ("ops", "store/item.h", "above it"),
    ("base", "ops/metrics.h", "base stands on nothing"),
    ("sale", "seat.h", "does not start with a room"),
    ("sale", "kitchen/pan.h", "does not start with a room"),
])
def test_wrong_direction_is_found(tree, room, included, word):
    write(tree, f"src/{room}/one.c", f'#include <stdio.h>\n#include "{included}"\n')
    write(tree, f"tests/unit/{room}/test_one.c", "\n")
    assert_finding(tree, f"src/{room}/one.c:2: ")
    assert word in lint(tree)[0]


@pytest.mark.parametrize("room,included", [
    ("store", "ops/metrics.h"), ("store", "base/bytes.h"), ("ops", "base/bytes.h"),
    ("sale", "store/item.h"), ("api", "sale/seat.h"), ("cmd", "api/routes.h"),
])
def test_right_direction_passes(tree, room, included):
    write(tree, f"src/{room}/one.c", f'#include "{included}"\n')
    write(tree, f"tests/unit/{room}/test_one.c", "\n")
    assert lint(tree) == []


def test_unknown_room_is_found(tree):
    write(tree, "src/kitchen/pan.c", "\n")
    write(tree, "tests/unit/kitchen/test_pan.c", "\n")
    assert_finding(tree, "src/kitchen/pan.c:1: room kitchen is not known")


def test_source_without_test_is_found(tree):
    write(tree, "src/sale/order.c", "\n")
    assert_finding(tree, "src/sale/order.c:1: no test: write tests/unit/sale/test_order.c")


def test_command_may_be_tested_by_either(tree):
    write(tree, "src/cmd/main.c", "\n")
    write(tree, "src/cmd/serve.c", "\n")
    assert_finding(tree, "src/cmd/serve.c:1: no test: write tests/unit/cmd/test_serve.c or "
                         "tests/cli/test_serve.py")
    write(tree, "tests/cli/test_serve.py", "\n")
    assert lint(tree) == []


def test_header_without_comment_is_found(tree):
    write(tree, "src/sale/seat.h", HEADER.split("*/\n", 1)[1])
    assert_finding(tree, "src/sale/seat.h:1: header without an opening comment")


@pytest.mark.parametrize("old,new", [
    ("TACOS_SALE_SEAT_H", "SEAT_H"),
    ("#ifndef TACOS_SALE_SEAT_H\n", ""),
    ("#define TACOS_SALE_SEAT_H", "#define TACOS_SALE_SET_H"),
])
def test_wrong_guard_is_found(tree, old, new):
    write(tree, "src/sale/seat.h", HEADER.replace(old, new))
    assert "include guard is not TACOS_SALE_SEAT_H" in lint(tree)[0]


@pytest.mark.parametrize("guard", ["TACOS_SIM_WORLD_H", "TACOS_TESTS_SIM_WORLD_H"])
def test_guard_of_a_test_header_may_name_tests(tree, guard):
    write(tree, "tests/sim/world.h", f"/*\n * W.\n */\n#ifndef {guard}\n#define {guard}\n#endif\n")
    assert lint(tree) == []


def test_tab_is_found(tree):
    write(tree, "src/sale/seat.c", SOURCE + "\tint x;\n")
    assert_finding(tree, "src/sale/seat.c:9: tab")


def test_trailing_space_is_found(tree):
    write(tree, "src/sale/seat.c", SOURCE + "int x; \n")
    assert_finding(tree, "src/sale/seat.c:9: space at the end of the line")


def test_missing_line_break_at_the_end_is_found(tree):
    write(tree, "src/sale/seat.c", SOURCE + "int x;")
    assert_finding(tree, "src/sale/seat.c:9: no line break at the end of the file")


def test_provider_sources_have_tests_too(tree):
    write(tree, "provider/plan.c", "\n")
    assert_finding(tree, "provider/plan.c:1: no test: write tests/unit/provider/test_plan.c")
    write(tree, "tests/unit/provider/test_plan.c", "\n")
    assert lint(tree) == []
