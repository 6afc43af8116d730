"""`envgen matrix verify`: every fact against the records of the channels: confirmed, refuted or undecidable.

In: claims of the matrices and an index. Out: judged facts. May import `curate`, `channels`, `formats`, `matrix`, `verify`.
"""
