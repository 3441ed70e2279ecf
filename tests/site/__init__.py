"""The site: built once for all of these tests, and looked at page by page."""
