"""RESP, the protocol of Redis, in its second and third version, as a protocol object for each client."""
