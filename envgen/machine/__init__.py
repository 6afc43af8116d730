"""What this machine has, what is wrong with it, and which targets fit it.

In: NVML, files of the system, environment variables. Out: Machine, Diagnosis, Fit. May import `matrix`, `project`, `resolver`,
`formats`, `targets`.
"""
