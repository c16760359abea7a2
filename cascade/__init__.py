"""The detector: a cascade of nets over the windows of a photograph.

>>> from cascade import Detector
>>> detector = Detector()  # found = detector.detect(image)

The road of a photograph, one module per step:

``bundle``      the trained nets, thresholds and settings: the cascade file;
``windows``     sizes of the photograph and the windows in them;
``sweep``       the first net on all windows of a level, without cutting them;
``nms``         greedy filtering of overlapping frames;
``batching``    the generator that fills batches across photographs;
``stages``      generators that slide, crop, classify and filter;
``detector``    the stages put together, with the trained nets;
``draw``        the result as a picture.

Beside it, ``evaluation`` measures detections by the rules of FDDB, and ``mining`` collects the
windows of face-free photographs that a cascade still takes for faces.
"""

from cascade.detector import Detector

__all__ = ["Detector"]
