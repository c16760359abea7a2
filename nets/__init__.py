"""The nets of "Deep learning in the garage": architectures, weights, training, inference."""
