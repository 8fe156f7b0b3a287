"""What Fettle knows and decides, without I/O: time, ids and chance come in as arguments."""
