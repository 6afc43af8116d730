"""The website: docs/ and the page of `envgen matrix show --html` in one folder, and the pages that are made from the code."""
