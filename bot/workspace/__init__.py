"""A Slack stand-in for one machine: the Web API, Socket Mode and a page that look like Slack to the real Bolt app.

People try Fettle in it without an account and scenario tests run on it. It enforces Slack's limits and error
codes, so that what works here works there. ``server.build`` is the ASGI application, ``person.Person`` a client for
tests and demonstrations; nothing in the package reaches further than loopback.
"""
