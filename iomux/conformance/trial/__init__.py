"""What one item's process needs: the server under test, its clients, the item, the outcome."""
