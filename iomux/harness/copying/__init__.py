"""What the copy between kernel and user space costs, and which thread makes it.

Every call that is timed here finds its bytes waiting: what is measured is never a wait.
"""
