"""Probe scripts: one file per framework, named by its import name. A framework without one is probed by `child.py` alone.

`child.py` loads a script by its path, before it imports the framework, in the environment being probed: standard library only, in
the syntax of Python 3.6. A script defines

- `STEPS`, functions that take the imported module and return answers; their names are the names of the steps;
- if it can compute, `matmul(module, rows)`, which multiplies the matrix `rows` by itself and returns the kind of device it ran on
  ("gpu", "cpu") and a list of products, one for each way it was computed; None if there is no device to compute on;
- if it needs any, `ENVIRONMENT`: variables to set before the import unless the caller has set them.

Answers that envgen reads; a key that is left out is unknown:

| key | value |
|---|---|
| `version`, `companion` | the version, and that of a second package that belongs to it, with its name |
| `cuda` | the CUDA version of the build, as text or as a number of the CUDA runtime (12060); "" if unknown; None for a CPU build |
| `compiler` | the CUDA version of the compiler that it loads at run time, as text, if that may be another than the build's |
| `cudnn` | the cuDNN version, as text or as cuDNN's number (90100) |
| `available` | whether it can use a GPU |
| `devices` | the GPUs it can use: a list of {"name", "capability"}, the compute capability as "7.5" or (7, 5) |
| `code` | the GPU code in the build: ["sm_90", "compute_90"] |
| `settings` | what selects its device, as set: ["JAX_PLATFORMS=cpu"] |
"""
