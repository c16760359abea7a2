"""Photographs, boxes and data sets in; minibatches of augmented crops out.

The road of a training sample, one module per step:

``datasets``    read the official layouts into records (path, boxes, group);
``splits``      divide them into train, tune and report, always in the same way;
``index``       one table of samples: paths, frames, labels, never pixels;
``transforms``  draw how a frame is moved, scaled, stretched and mirrored;
``squares``     draw background squares that keep away from faces;
``functional``  cut frames out of a photograph and resize them;
``batches``     put whole minibatches together, reproducibly.

Nothing here imports PyTensor, so that a worker process starts quickly.
"""

__all__: list[str] = []
