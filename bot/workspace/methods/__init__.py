"""Slack's Web API methods, one file for each family; ``catalogue`` joins them."""
