"""Compiled kernels are kept between runs, and whatever is wrong with the place where they are kept, runs go on."""

import os
import shutil
import tempfile
from pathlib import Path

import numba
import numpy as np
import pytest

from seneca_sim.kernels import cache
from seneca_sim.kernels.cache import cache_folder, keep

ONES = np.ones(6, dtype=np.int64)
STRIDED = np.arange(12, dtype=np.int64)[::2]


def total(numbers):
    """Return the sum of an array."""
    result = 0
    for number in numbers:
        result += number
    return result


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Return a function that compiles `total` as a fresh process would, with a cache in a temporary folder."""
    monkeypatch.setattr(cache, "_FOLDER", tmp_path / "cache")

    def fresh():
        compiled = numba.njit(total)
        keep(compiled, total)
        return compiled

    return fresh


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Return the two folders in which the cache may be, neither of which exists."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("SENECA_NUMBA_CACHE", raising=False)
    return tmp_path / "home/seneca_sim", tmp_path / f"seneca_sim-{os.getuid()}"


def hits(compiled) -> int:
    return sum(compiled.stats.cache_hits.values())


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.rglob(f"*.{suffix}"))


def test_a_second_process_does_not_compile(kept):
    assert kept()(ONES) == 6
    again = kept()
    assert again(ONES) == 6
    assert hits(again) == 1


def test_the_users_own_cache_of_numba_stays_where_it_is(kept):
    before = numba.config.CACHE_DIR
    kept()
    assert before == numba.config.CACHE_DIR


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [b"", b"\x80\x04garbage", b"not a pickle"])
def test_damaged_files_are_compiled_again_and_mended(kept, tmp_path, suffix, damage):
    kept()(ONES)
    for file in files(tmp_path, suffix):
        file.write_bytes(damage)
    damaged, mended = kept(), kept()
    assert (damaged(ONES), hits(damaged)) == (6, 0)
    assert (mended(ONES), hits(mended)) == (6, 1)


def test_code_of_another_signature_is_not_used(kept, tmp_path):
    """As when two processes each write their first signature at the same moment under the same file name."""
    compiled = kept()
    compiled(ONES)
    compiled(STRIDED)
    one, other = files(tmp_path, "nbc")
    shutil.copy(one, other)
    again = kept()
    assert (again(ONES), again(STRIDED)) == (6, 30)
    assert hits(again) == 1


def test_a_folder_that_goes_away_is_no_matter(kept, tmp_path):
    compiled = kept()
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("no folder any more")
    assert compiled(ONES) == 6


def test_the_cache_is_the_users(places):
    assert cache_folder().parent == places[0]


def test_a_cache_that_cannot_be_written_makes_way_for_a_temporary_one(places):
    places[0].parent.write_text("not a folder")
    assert cache_folder().parent == places[1]
    assert places[1].stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_write_to_is_not_used(places):
    places[0].parent.write_text("not a folder")
    places[1].mkdir()
    places[1].chmod(0o777)
    assert cache_folder() is None


def test_a_folder_of_somebody_else_is_not_used(places, monkeypatch):
    places[0].mkdir(parents=True)
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    assert cache_folder() is None


def test_without_any_place_kernels_still_work(places, monkeypatch):
    for place in (places[0].parent, places[1]):
        place.write_text("not a folder")
    monkeypatch.setattr(cache, "_FOLDER", cache_folder())
    compiled = numba.njit(total)
    keep(compiled, total)
    assert compiled(ONES) == 6


def test_the_cache_can_be_turned_off(places, monkeypatch):
    monkeypatch.setenv("SENECA_NUMBA_CACHE", "0")
    assert cache_folder() is None
    assert not any(place.exists() for place in places)
