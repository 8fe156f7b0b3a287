"""What Fettle observes: one source a file, each answering found, empty or failed."""
