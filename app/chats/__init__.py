"""Import, store and read chats; their statistics and the retrieval of passages."""
