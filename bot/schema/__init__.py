"""The configuration's files as data: where each thing may stand, and what is wrong with what stands there."""
