"""Probes of services from outside: http, tcp, tls, dns."""
