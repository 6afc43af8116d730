"""Every lock format, and an installed environment, read into a Lock; what a package's build says of CUDA.

In: files and folders that conda-lock, pixi, conda or pip wrote. Out: Lock, LockedPackage. May import `yamlfile`.
"""
