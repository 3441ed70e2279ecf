"""The same asyncio server written for each of asyncio's four interfaces, to compare what they cost."""
