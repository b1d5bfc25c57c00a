"""gunicorn behind a proxy: threads, because pages wait for the database and each watched job holds one open answer."""

from __future__ import annotations

import os
from pathlib import Path

bind = os.environ.get("GUNICORN_BIND", "0.0.0.0:8000")
worker_class = "gthread"
# one process keeps rate limits and caches in one place; threads bound how many jobs can be watched at once
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = int(os.environ.get("GUNICORN_THREADS", "64"))
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
timeout = 120
graceful_timeout = 25
keepalive = 20
limit_request_line = 4096
limit_request_fields = 64
accesslog = None
errorlog = "-"
