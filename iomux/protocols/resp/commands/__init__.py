"""The commands, a file for each family: a function each, and a dictionary of them by name, with how many arguments.

A number of arguments counts the command's name; -n means n or more, as in Redis' own command table. What a command
does, and the text of its errors, follows its page at redis.io and the answers of redis-server 7.0.15.
"""
