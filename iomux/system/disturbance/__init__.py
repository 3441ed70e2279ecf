"""What else this machine did: readings before and after a run, whose difference says if the run was disturbed."""
