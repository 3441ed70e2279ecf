"""Single requests, well-formed and not, with what the RFCs permit as an answer: data, and a scorer for any server."""
