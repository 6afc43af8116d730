"""From projects to locks; the only package that writes locks.

In: matrices, project files, an index. Out: `environment.yml`, `virtual-packages.yml`, `conda-lock.yml` of each target. May
import `cache`, `channels`, `explain`, `files`, `formats`, `matrix`, `pip`, `project`, `resolver`, `targets`,
`verify`, `yamlfile`.
"""
