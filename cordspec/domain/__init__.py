"""The vocabulary of the method: frozen values without I/O, plugins or third-party imports."""
