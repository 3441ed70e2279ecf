"""What stands between an owner and a user's program: nothing of it outlives its owner, or takes the whole machine."""
