"""The evidence of a failure: the shortest conversation that still fails, and how the server is built, from outside.

A failed item is a long conversation. Short ones are tried on fresh servers, the shortest first, until one fails; it is
told step by step, as a command line and as a script for `iomux.tape`.
"""
