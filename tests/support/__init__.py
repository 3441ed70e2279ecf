"""What several tests need: clients, a model of an echo, servers with a planted fault."""
