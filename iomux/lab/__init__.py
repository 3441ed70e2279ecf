"""The playground: live runs in a notebook, with controls, figure and words."""
