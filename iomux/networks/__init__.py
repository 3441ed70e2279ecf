"""Networks on one machine: hosts that are network namespaces, and a wire in user space between them.

Cost: this file imports nothing.
"""
