"""A small shop that really breaks and really recovers, in processes of its own beside Fettle."""
