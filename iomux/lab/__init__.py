"""The playground: live runs of a server in a notebook, with controls and a figure, or driven by code."""
