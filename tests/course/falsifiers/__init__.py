"""For each verdict of the notebooks a world in which it turns False: made-up variables, or a server that is wrong."""
