"""What the operating system gives, and what this one lacks: the ground on which everything stands."""
