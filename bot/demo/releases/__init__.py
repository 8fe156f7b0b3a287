"""The payment service's releases, as they are laid out on its host."""
