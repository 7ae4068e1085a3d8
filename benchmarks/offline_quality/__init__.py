"""Are the offline insights true, and do they find what is there? Measured on made-up chats."""
