"""`envgen matrix show`: the facts as tables, as JSON, or as one HTML page.

In: a Matrix and a query. Out: text. May import `files`, `matrix`, `table`.
"""
