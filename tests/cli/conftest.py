"""Directories for data: removed at once, since a log segment takes 64 MiB of disk."""

import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def place():
    directory = tempfile.mkdtemp(prefix="tacos-test-")
    yield Path(directory)
    shutil.rmtree(directory)
