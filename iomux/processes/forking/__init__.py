"""Jobs in processes that are forked from one that has imported everything, and not started anew each time."""
