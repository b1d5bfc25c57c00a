"""The web application: pages for people and a REST API, over the same wiring as the command line."""
