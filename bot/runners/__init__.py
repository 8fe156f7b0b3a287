"""What Fettle changes the world with: one runner a file, each behind ``bot.domain.ports.Runner``."""
