"""Models behind servers: what engines of every make share, and those that need nothing but an address."""
