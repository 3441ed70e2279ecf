"""What the process of one item needs: the server under test, its clients, the item, the outcome.

It is imported once for each item, so it imports little; it knows no item by name.
"""
