"""The HTTP front door: webhooks, changes, Slack over HTTP, health and metrics."""
