"""Import, store and read chats; their statistics."""
