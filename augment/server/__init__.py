"""The augmentation server of the first garage article ("Brotherhood of data").

Worker processes each take pieces of every minibatch, an assembler process puts the pieces together,
and the training takes whole minibatches in order::

    worker ---+                    queue of pieces        queue of minibatches
    worker ---+--> shared memory ------------> assembler ---------------> training
    worker ---+

Pixels are written once, into the slot of their minibatch in a shared memory that all processes see;
the queues are pipes that carry numbers. Both queues are bounded by the number of slots.

``client``     what the training uses: `Server`;
``plan``       the settings of a server and its shared memory;
``children``   how its processes are started;
``wire``       the frames on their pipes;
``assembler``  the process that cuts minibatches into pieces and hands whole ones on;
``pieces``     minibatches in work;
``crew``       the workers as the assembler sees them: given pieces, watched, replaced;
``worker``     the process that makes samples.
"""

from augment.server.client import Server

__all__ = ["Server"]
