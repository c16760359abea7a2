"""Photographs, boxes and data sets in; minibatches of augmented crops out.

The road of a training sample, one module per step:

``datasets``     read the official layouts into records (path, boxes, group);
``splits``       divide them into train, tune and report, always in the same way;
``index``        one table of samples: paths, frames, labels, weights, never pixels;
``recipe``       what is made of an index: side, batch size, intervals;
``order``        which sample stands where in an epoch;
``transforms``   draw how each sample is changed, and move, scale and stretch frames;
``squares``      draw background squares that keep away from faces;
``calibration``  the 45 ways of missing a face, cut on purpose and set right again;
``functional``   cut frames out of photographs, turned, mirrored and resized in one pass;
``pixels``       change the light, sharpness and noise of crops;
``samples``      put all this together for any positions of a minibatch;
``stream``       whole minibatches in order, made in this process or on a thread of it;
``server``       the same minibatches, made by worker processes;
``distributed``  the same, made by the workers of a Dask cluster;
``streams``      one of these kinds, as asked for;
``fixed``        sets that do not change, for evaluation.

Nothing here imports PyTensor, so that a worker process starts quickly.
"""

__all__: list[str] = []
