"""The changes of finished crops: what hides a face, light, sharpness, what cameras and files do.

They follow one another as in a camera: something stands before the face, the lens blurs, exposure
and development set contrast and brightness, the sensor adds noise, the camera may keep grey only,
and the file is a JPEG.

A sample's bytes depend on its own pixels and draws, never on its neighbours in the batch. Only
samples for which a change was drawn are touched.
"""

from __future__ import annotations

import cv2
import numpy as np

from augment.transforms import Draws

__all__ = ["change"]

_MIDDLE = 127.5  # the grey that contrast leaves alone
_SHARP = 0.1  # pixels: a narrower Gaussian rounds to no change at all
_RED, _GREEN, _BLUE = 77, 150, 29  # Rec. 601's luma in parts of 256


def change(crops: np.ndarray, draws: Draws) -> np.ndarray:
    """Apply occlusion, blur, contrast, brightness, noise, greyscale and JPEG as drawn.

    Parameters
    ----------
    crops : numpy.ndarray
        uint8 ``(n, 3, side, side)``, RGB; never written to.
    draws : Draws
        The changes of these n samples; moves, mirroring and rotation are done by then.

    Returns
    -------
    numpy.ndarray
        uint8 ``(n, 3, side, side)``: the array passed in, where nothing is to be changed.

    Raises
    ------
    ValueError
        If the crops are no uint8 ``(n, 3, side, side)`` array, or the draws are not as many.
    """
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1] != 3:
        raise ValueError(
            "pixels.change takes uint8 crops (n, 3, side, side); "
            f"got {crops.dtype} of shape {crops.shape!r}"
        )
    if len(draws.blur) != len(crops):
        raise ValueError(
            f"pixels.change needs one draw per crop; got {len(draws.blur)} for {len(crops)} crops"
        )
    blurred = draws.blur >= _SHARP
    lit = (draws.brightness != 0) | (draws.contrast != 1)
    noisy = draws.noise > 0
    compressed = draws.quality < 100
    hidden = draws.occlusion[:, 2] > 0
    if not (hidden | blurred | lit | noisy | draws.grey | compressed).any():
        return crops
    crops = crops.copy()
    for row in np.flatnonzero(hidden):
        _hide(crops[row], draws.occlusion[row])
    for row in np.flatnonzero(blurred):
        crops[row] = _blur(crops[row], draws.blur[row])
    if lit.any():
        crops[lit] = _light(crops[lit], draws.contrast[lit], draws.brightness[lit])
    if noisy.any():
        crops[noisy] = _noise(crops[noisy], draws.noise[noisy], draws.seed[noisy])
    if draws.grey.any():
        crops[draws.grey] = _grey(crops[draws.grey])
    for row in np.flatnonzero(compressed):
        crops[row] = _jpeg(crops[row], draws.quality[row])
    return crops


def _hide(crop: np.ndarray, occlusion: np.ndarray) -> None:
    left, top, width, height = np.rint(occlusion[:4] * crop.shape[1]).astype(int)
    part = crop[:, top : top + height, left : left + width]
    part[:] = np.rint(occlusion[4:, None, None])


def _blur(crop: np.ndarray, sigma: float) -> np.ndarray:
    image = cv2.merge(list(crop))
    blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.stack(cv2.split(blurred))


def _light(crops: np.ndarray, contrast: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    levels = crops.astype(np.float32)
    levels -= _MIDDLE
    levels *= _per_sample(contrast)
    levels += _per_sample(_MIDDLE + brightness)
    return _to_bytes(levels)


def _noise(crops: np.ndarray, sigma: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    levels = np.empty(crops.shape, np.float32)
    for sample, seed in zip(levels, seeds.tolist(), strict=True):
        np.random.Generator(np.random.SFC64(seed)).standard_normal(dtype=np.float32, out=sample)
    levels *= _per_sample(sigma)
    levels += crops
    return _to_bytes(levels)


def _grey(crops: np.ndarray) -> np.ndarray:
    red, green, blue = crops.transpose(1, 0, 2, 3).astype(np.uint16)
    luma = (_RED * red + _GREEN * green + _BLUE * blue + 128) >> 8
    return np.repeat(luma.astype(np.uint8)[:, None], 3, axis=1)


def _jpeg(crop: np.ndarray, quality: int) -> np.ndarray:
    image = cv2.merge(list(crop[::-1]))  # OpenCV's order is BGR
    _, file = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, int(quality)))
    decoded = cv2.imdecode(file, cv2.IMREAD_COLOR)
    assert decoded is not None  # it was encoded just now
    return np.stack(cv2.split(decoded)[::-1])


def _per_sample(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)[:, None, None, None]


def _to_bytes(levels: np.ndarray) -> np.ndarray:
    np.clip(np.rint(levels, out=levels), 0, 255, out=levels)
    return levels.astype(np.uint8)
