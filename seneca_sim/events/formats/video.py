"""Video files (`.mp4`, `.avi`, ...), read by OpenCV (extra `[video]`): frames of three channels, red, green and blue, in 8 bits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError
from seneca_sim.events.recording import FrameRecording

__all__ = ["open_source"]


def open_source(path: Path) -> FrameRecording:
    """Open a video file."""
    cv2 = _opencv(path)
    video = _opened(cv2, path)
    names = cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT
    n_frames, width, height = (int(video.get(name)) for name in names)
    rate = float(video.get(cv2.CAP_PROP_FPS))
    sound = video.grab()
    video.release()
    if not sound or width < 1 or height < 1:
        raise FileFormatError(
            f"{path.name}: the video holds no frame that can be decoded; convert it to .mp4 (H.264) or .npy"
        )
    if n_frames < 1:
        n_frames = _counted(cv2, path)
    return FrameRecording(
        path,
        "video",
        n_frames,
        (3, height, width),
        lambda max_frames: _decode(path, n_frames, (height, width, 3), max_frames),
        round(1e6 / rate) if rate > 0 else None,
    )


def _opencv(path: Path) -> Any:
    """Return the package cv2, which stays silent about what we say ourselves."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError:
        raise FileFormatError(
            f"{path.name}: videos are read by OpenCV; install it: pip install 'seneca-sim[video]', or convert the frames to .npy"
        ) from None
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def _opened(cv2: Any, path: Path) -> Any:
    """Return an open video."""
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not video.isOpened():
        what = (
            "the file is empty"
            if not path.stat().st_size
            else "the video cannot be opened; it is truncated or of an unknown kind"
        )
        raise FileFormatError(f"{path.name}: {what}; convert it to .mp4 (H.264) or .npy")
    return video


def _counted(cv2: Any, path: Path) -> int:
    """Return the number of frames of a video that does not state it, by passing over all."""
    video, n = _opened(cv2, path), 0
    while video.grab():
        n += 1
    video.release()
    return n


def _decode(path: Path, n_frames: int, shape: tuple[int, int, int], max_frames: int) -> Iterator[NDArray[Any]]:
    """Yield the frames of a file."""
    cv2 = _opencv(path)
    video = _opened(cv2, path)
    try:
        for first in range(0, n_frames, max_frames):
            block = np.empty((min(max_frames, n_frames - first), 3, *shape[:2]), np.uint8)
            for k in range(len(block)):
                read, picture = video.read()
                if not read or picture.shape != shape:
                    raise FileFormatError(
                        f"{path.name}: frame {first + k} of {n_frames} cannot be decoded; the video is truncated or damaged"
                    )
                block[k] = picture[:, :, ::-1].transpose(2, 0, 1)
            yield block
    finally:
        video.release()
