"""`envgen matrix show`: the facts as a table, as JSON, or as one HTML page.

In: a Matrix and a question about it. Out: text. May import `matrix`, `files`.
"""
