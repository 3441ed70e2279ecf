"""Helpers of several tests: clients, processes, a model of an echo, servers with a planted fault."""
