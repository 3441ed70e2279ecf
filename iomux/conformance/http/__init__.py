"""The items of a check of HTTP/1.1 servers, in five stages: from a GET that is answered to a flood that harms nobody.

What is under test serves a folder (`site`); one file for each family of items, each item a function of the server and
the site. They know HTTP by what the RFCs demand of a server, and accept all that the RFCs leave to it.
"""
