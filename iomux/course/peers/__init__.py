"""Other people's web servers and stores, each in its usual form, beside which ours are measured.

`catalogue` has their command lines, `sources` the few lines of program that some of them need.
"""
