"""What the README's "Measured" section states, measured again."""
