"""`make infra` as one of `make test`'s tests: everything of infra/, offline."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_everything_of_infra_passes():
    result = subprocess.run([ROOT / "tools" / "infra"], capture_output=True, text=True, check=False)
    if result.stdout.startswith("infra: skipped: "):
        pytest.skip(result.stdout.strip())
    assert result.returncode == 0, result.stdout + result.stderr
