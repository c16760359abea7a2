"""Layers that apply one operation, invert another layer, or transform images."""

from lasagnette.layers.special.elementwise import BiasLayer, NonlinearityLayer

__all__ = ["BiasLayer", "NonlinearityLayer"]
