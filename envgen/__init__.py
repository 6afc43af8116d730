"""CPU and GPU conda environments, side by side, from one project file."""

__version__ = "0.1.0"
