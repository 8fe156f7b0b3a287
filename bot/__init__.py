"""Fettle: the colleague in Slack who is awake when the pager goes off."""

__version__ = "0.1.0"
