"""The facts themselves: are they well written, do the channels confirm them, what do they say at a glance."""
