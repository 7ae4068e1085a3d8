"""Who calls: tokens, and the keys that check them."""
