"""Servers that the tests of a file share, and directories that are gone afterwards."""

import shutil
import tempfile
from pathlib import Path

import pytest

from door import Door


@pytest.fixture
def place():
    directory = tempfile.mkdtemp(prefix="tacos-test-")
    yield Path(directory)
    shutil.rmtree(directory)


@pytest.fixture(scope="module", params=[0, 2], ids=["reactors=0", "reactors=2"])
def door(request):
    """The test server as it is without settings, in both modes."""
    with Door(reactors=request.param) as server:
        yield server
