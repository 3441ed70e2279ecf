"""The items of a chat room."""
