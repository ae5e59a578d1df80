"""HTTP and Socket Mode in: people in Slack approve, ask, start and steer."""
