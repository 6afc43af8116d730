"""`envgen matrix show`: the facts as tables, as JSON, or as one HTML page.

In: a Matrix and a query. Out: text. May import `export` (how pixi
writes a spec), `files`, `formats`, `matrix`, `resolver` (the specs of a build), `table`.
"""
