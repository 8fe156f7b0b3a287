"""Slack: deliveries become events, effects become Web API calls."""
