"""What all tests share: the path of the real networks and recordings, which are not part of the project."""

from pathlib import Path

import pytest

from seneca_sim.shipped import real_data_folder

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data():
    """Give a function from a relative path to a file of the real data; the test is skipped where the folder is absent."""

    def locate(relative: str) -> Path:
        path = real_data_folder() / relative
        if not path.exists():
            pytest.skip(f"real data not found: {path} (set SENECA_SHARED_DATA to its folder)")
        return path

    return locate
