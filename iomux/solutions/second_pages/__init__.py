"""The solutions of second pages, as 03b is one: they go deeper into the subject of the page before."""
