"""A server, or a job, in a process of its own: started, told what to do, and ended with its owner."""
