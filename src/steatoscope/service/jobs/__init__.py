"""Durable jobs: the port to the job table, the worker's loop, the supervisor of local workers, the Celery adapter."""
