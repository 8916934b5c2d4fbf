"""What all tests share: the path of the real networks and recordings, which are not part of the project."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def shared_folder() -> Path:
    """Return the folder of real networks and recordings: $SENECA_SHARED_DATA, else ../shared/data beside the clone."""
    return Path(os.environ.get("SENECA_SHARED_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data():
    """Give a function from a relative path to a file of the real data; the test is skipped where the folder is absent."""

    def locate(relative: str) -> Path:
        path = shared_folder() / relative
        if not path.exists():
            pytest.skip(f"real data not found: {path} (set SENECA_SHARED_DATA to its folder)")
        return path

    return locate
