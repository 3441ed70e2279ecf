"""What the copy between kernel and user space costs, and who makes it."""
