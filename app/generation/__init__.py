"""Write one insight about a chat; knows no database and no jobs."""
