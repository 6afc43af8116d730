"""A machine's NVML, made up: a C library where a compiler is found, a double of ctypes elsewhere."""
