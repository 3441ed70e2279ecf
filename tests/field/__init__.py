"""Servers as they are found in the field, each with the verdict that it is due; `python -m tests.field` tries all.

`inputs/` holds the servers, `table.py` their verdicts. Options: `--runs 10` tries each so many times, `--hogs` keeps
every core busy meanwhile, `--table FILE.json` reads another table, and words choose the targets that contain them.
"""
