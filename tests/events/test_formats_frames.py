"""Frames from arrays and videos."""

import sys
import zipfile

import numpy as np
import pytest

from seneca_sim.errors import SenecaError
from seneca_sim.events import open_recording


def frames(*shape):
    return np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)


def save(path, array, **more):
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        np.savez_compressed(path, frames=array, **more)
    return open_recording(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    ("shape", "frame", "channels_last"),
    [
        ((7, 5, 6), (1, 5, 6), False),
        ((7, 2, 5, 6), (2, 5, 6), False),
        ((7, 20, 5, 6), (20, 5, 6), False),
        ((7, 5, 6, 3), (3, 5, 6), True),
        ((7, 5, 6, 1), (1, 5, 6), True),
        ((7, 3, 4, 4), (3, 4, 4), False),
        ((7, 39, 1, 1), (39, 1, 1), False),
    ],
)
def test_axes_are_taken_for_what_they_probably_are(tmp_path, suffix, shape, frame, channels_last):
    array = frames(*shape)
    recording = save(tmp_path / f"a{suffix}", array)
    assert (recording.n_frames, recording.shape) == (7, frame)
    blocks = list(recording.blocks(3))
    assert [block.shape for block in blocks] == [(3, *frame), (3, *frame), (1, *frame)]
    expected = array.transpose(0, 3, 1, 2) if channels_last else array.reshape(7, *frame)
    assert np.array_equal(np.concatenate(blocks), expected)
    assert len(recording.assumptions) == (len(shape) == 4)


def test_what_was_assumed_of_the_axes_is_said(tmp_path):
    assert save(tmp_path / "a.npy", frames(7, 5, 6, 3)).assumptions == (
        "a.npy: the array of shape (7, 5, 6, 3) was read as THWC",
    )


def test_an_archive_may_state_its_layout_and_rate(tmp_path):
    recording = save(tmp_path / "a.npz", frames(7, 5, 6, 20), layout="THWC", fps=np.int64(25))
    assert (recording.shape, recording.frame_us, recording.assumptions) == ((20, 5, 6), 40_000, ())


def npy(array):
    def write(path):
        np.save(path, array)

    return write


def npz(array, **more):
    def write(path):
        np.savez(path, frames=array, **more)

    return write


def cut(write, length):
    def write_cut(path):
        write(path)
        path.write_bytes(path.read_bytes()[:length])

    return write_cut


def wrong_sum(path):
    np.savez(path, frames=frames(3, 5, 6))
    data = bytearray(path.read_bytes())
    data[250] ^= 255
    path.write_bytes(data)


REFUSED = {
    "cut.npy": (
        cut(npy(frames(3, 5, 6)), 200),
        "cut.npy: the array states 90 numbers of 1 bytes, but holds 72 bytes; the file is damaged",
    ),
    "head.npy": (
        cut(npy(frames(3, 5, 6)), 5),
        "head.npy: an array cannot be read safely (EOF: reading magic string, expected 8 bytes got 5); save plain numbers only",
    ),
    "empty.npy": (
        lambda path: path.touch(),
        "empty.npy: an array cannot be read safely (EOF: reading magic string, expected 8 bytes got 0); save plain numbers only",
    ),
    "objects.npy": (
        npy(np.array([[[print]]], object)),
        "objects.npy: an array cannot be read safely (Object arrays cannot be loaded when allow_pickle=False); save plain "
        "numbers only",
    ),
    "texts.npy": (npy(np.array([[["a"]]])), "texts.npy: the array must hold numbers, not <U1"),
    "flat.npy": (
        npy(frames(3, 5)),
        "flat.npy: the array has the shape (3, 5); frames are (T, rows, columns), (T, channels, rows, columns) or "
        "(T, rows, columns, channels)",
    ),
    "fortran.npy": (
        npy(np.asfortranarray(frames(3, 5, 6))),
        "fortran.npy: the array is stored in Fortran order; save numpy.ascontiguousarray of it",
    ),
    "layout.npz": (
        npz(frames(3, 5, 6, 2), layout="HWCT"),
        "layout.npz: layout must be TCHW or THWC, not 'HWCT'",
    ),
    "sum.npz": (wrong_sum, "sum.npz: the archive is truncated or no .npz file (Bad CRC-32 for file 'frames.npy')"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_arrays_that_are_no_frames_are_refused(tmp_path, name):
    write, message = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(SenecaError) as error:
        list(open_recording(tmp_path / name).blocks())
    assert str(error.value) == message


def test_frames_of_an_archive_are_not_unpacked_to_be_opened(tmp_path):
    save(tmp_path / "a.npz", np.zeros((2000, 100, 100), np.uint8))
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        middle = archive.getinfo("frames.npy").compress_size // 2
    whole[middle] ^= 255
    (tmp_path / "a.npz").write_bytes(whole)
    assert open_recording(tmp_path / "a.npz").n_frames == 2000


def write_video(path, codec, n_frames=30):
    """Write frames of one grey value each, brighter and brighter, and a red corner; return the grey values."""
    cv2 = pytest.importorskip("cv2", reason="the package opencv-python-headless (extra [video]) is not installed")
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 20.0, (64, 48))
    greys = np.arange(n_frames) * 7 + 20
    for grey in greys:
        picture = np.full((48, 64, 3), grey, np.uint8)
        picture[:16, :16] = (0, 0, 255)
        video.write(picture)
    video.release()
    return greys


@pytest.mark.parametrize(("suffix", "codec"), [(".avi", "MJPG"), (".mp4", "mp4v")])
def test_videos_are_frames_of_red_green_and_blue(tmp_path, suffix, codec):
    greys = write_video(tmp_path / f"a{suffix}", codec)
    recording = open_recording(tmp_path / f"a{suffix}")
    assert (recording.n_frames, recording.shape, recording.frame_us) == (30, (3, 48, 64), 50_000)
    blocks = list(recording.blocks(8))
    assert [block.shape for block in blocks] == [(8, 3, 48, 64)] * 3 + [(6, 3, 48, 64)]
    whole = np.concatenate(blocks).astype(int)
    assert np.abs(whole[:, :, 24:, 24:] - greys[:, None, None, None]).max() <= 4
    assert whole[:, 0, 2:14, 2:14].min() > 200
    assert whole[:, 1:, 2:14, 2:14].max() < 60


@pytest.mark.parametrize("length", [0, 1000])
def test_a_truncated_video_is_refused(tmp_path, length):
    write_video(tmp_path / "a.mp4", "mp4v")
    (tmp_path / "a.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[:length])
    with pytest.raises(SenecaError) as error:
        open_recording(tmp_path / "a.mp4")
    what = "the file is empty" if not length else "the video cannot be opened; it is truncated or of an unknown kind"
    assert str(error.value) == f"a.mp4: {what}; convert it to .mp4 (H.264) or .npy"


def test_a_video_that_ends_early_is_refused_at_the_frame_that_is_missing(tmp_path):
    write_video(tmp_path / "a.avi", "MJPG")
    whole = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "a.avi").write_bytes(whole[: len(whole) * 7 // 10])
    recording = open_recording(tmp_path / "a.avi")
    with pytest.raises(
        SenecaError, match=r"^a\.avi: frame \d+ of 30 cannot be decoded; the video is truncated or damaged$"
    ):
        list(recording.blocks(7))


def test_a_video_needs_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    (tmp_path / "a.mp4").touch()
    with pytest.raises(SenecaError) as error:
        open_recording(tmp_path / "a.mp4")
    assert str(error.value) == (
        "a.mp4: videos are read by OpenCV; install it: pip install 'seneca-sim[video]', or convert the frames to .npy"
    )


def test_real_videos_have_their_known_frames(shared_data):
    pytest.importorskip("cv2", reason="the package opencv-python-headless (extra [video]) is not installed")
    for name, n_frames, shape in (
        ("carphone_pristine.mp4", 120, (3, 144, 176)),
        ("solidWhiteRight.mp4", 221, (3, 540, 960)),
    ):
        recording = open_recording(shared_data(f"events/video/{name}"))
        assert (recording.n_frames, recording.shape) == (n_frames, shape)
        assert sum(len(block) for block in recording.blocks()) == n_frames
    recording = open_recording(shared_data("events/video/solidWhiteRight_66x200_u8.npz"))
    assert (recording.n_frames, recording.shape, recording.frame_us) == (80, (3, 66, 200), 40_000)
