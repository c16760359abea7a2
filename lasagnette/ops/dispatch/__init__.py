"""Back ends of the Ops."""
