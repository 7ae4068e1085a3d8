"""WhatsApp exports: headers, dates and notices of every platform and language."""
