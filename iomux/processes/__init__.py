"""A server or a job in a process of its own: started, told what to do, and ended with its owner.

Who starts a process starts it from here, so that none is left behind. What is measured in it is not known here.
"""
