"""What each kind of signal says about a service, all on one scale. Pure."""
