"""The outside watcher: it notices when vigie itself is gone."""
