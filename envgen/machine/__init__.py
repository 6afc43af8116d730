"""Inspect this machine: what it has, what is wrong with it, and which targets it can run.

In: NVML, files of the system, environment variables, a Matrix, Projects. Out: Machine, System, Symptom, Fit, Diagnosis. May
import `formats`, `matrix`, `table`, `targets`.
"""
