"""Package records: how a channel is named, where its records come from, and the solve over them.

In: channel names and urls, a folder of `repodata.json`, a mirror, live channels. Out: Records and Solutions. May import
`cache`.
"""
