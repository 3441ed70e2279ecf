"""The figures of a server under load: how long requests wait as it gets busier, and where it cannot follow any more."""
