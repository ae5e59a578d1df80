"""PostgreSQL as services run it: logins, connections and replication, read-only."""
