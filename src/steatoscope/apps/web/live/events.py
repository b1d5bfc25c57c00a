"""Server-Sent Events of one job, by the HTML standard's event stream format."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from steatoscope.apps.web.live.documents import seen_by
from steatoscope.apps.web.live.watch import Snapshot, Watcher

HEARTBEAT_S: Final = 10.0
LONGEST_S: Final = 55.0
RETRY_MS: Final = 2000


def stream(
    watcher: Watcher,
    job_id: str,
    user_id: str | None,
    *,
    known: str = "",
    heartbeat_s: float = HEARTBEAT_S,
    longest_s: float = LONGEST_S,
) -> Iterator[str]:
    """Events ``state`` with the job's document at each change, then ``end``; comments keep the connection open.

    ``known`` is the id of the last event that the reader has; the same state is not sent twice. After ``longest_s`` the
    stream ends without ``end``, so that a reader comes back and no thread is held for ever.
    """
    ends = time.monotonic() + longest_s
    yield f"retry: {RETRY_MS}\n\n"
    with watcher.watching(job_id):
        while (left := ends - time.monotonic()) > 0:
            news = watcher.news(job_id, known, min(heartbeat_s, left))
            if news is None:
                yield ": still here\n\n"
                continue
            known = news.mark
            yield _state(news, user_id)
            if news.final:
                yield "event: end\ndata: {}\n\n"
                return


def _state(news: Snapshot, user_id: str | None) -> str:
    if news.document is None:
        return f"id: {news.mark}\nevent: gone\ndata: {{}}\n\n"
    return f"id: {news.mark}\nevent: state\ndata: {seen_by(news.document, user_id).model_dump_json()}\n\n"
