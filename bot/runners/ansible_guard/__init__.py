"""What Ansible itself loads during a dry run; a folder of its own, because Ansible loads all of it."""
