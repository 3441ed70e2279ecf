"""What the commands of a Redis stand on: databases, deadlines, channels, a client's state, replies."""
