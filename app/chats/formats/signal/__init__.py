"""Signal chats, as the exporters for its Desktop and its Android app write them."""
