"""How much of what answers a question the retrieval finds, in meetings and in chats, how fast."""
