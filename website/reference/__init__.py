"""docs/reference/: the pages that are made from the code, so that they say what it does.

In: click's commands, the JSON Schemas, the registries of rules, the errors. Out: Markdown. `make reference` writes it; a test fails
when what is committed is another text. Nothing of envgen imports this package, and no wheel has it: wheels have the pages.
"""
