"""The detector: a cascade of nets over the windows of a photograph; and the smileys of its faces.

>>> from cascade import Detector, Smiler
>>> detector = Detector()  # found = detector.detect(image)

The road of a photograph, one module per step:

``trained``      a trained net, and its place in a file;
``bundle``       the trained nets, thresholds and settings: the cascade file;
``windows``      sizes of the photograph and the windows in them;
``sweep``        the first net on all windows of a level, without cutting them;
``nms``          greedy filtering of overlapping frames;
``kernels``      these two compiled;
``batching``     the generator that fills batches across photographs;
``stages``       generators that slide, crop, classify, calibrate and filter;
``detector``     the stages put together;
``parallel``     streams of photographs on several threads;
``video``        the frames of videos and cameras;
``draw``, ``draw_stages``, ``privacy``   the result as pictures.

And of a face to its smiley:

``smiles``       the trained smiley net: the smile file;
``voting``       the squares around a face vote;
``smiler``       detector and vote put together;
``tracking``     faces followed through a video, with letters that do not flicker;
``smile_video``  the smileys of a video's frames;
``draw_smiles``  faces with their smileys as pictures.

How a cascade comes about: ``mining`` collects the windows that it wrongly takes for faces, in a
``reservoir``; ``tuning`` chooses thresholds; ``evaluation`` measures detections by the rules of
FDDB. Nothing here imports PyTensor, so that a detector starts quickly.
"""

from cascade.detector import Detector
from cascade.smiler import Smiler

__all__ = ["Detector", "Smiler"]
