"""The version, for those below the package's face."""

__version__ = "0.1.0"
