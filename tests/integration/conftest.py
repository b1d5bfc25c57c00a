"""Fixtures of tests with servers and browsers."""

from browser import browser_page, chromium

__all__ = ["browser_page", "chromium"]
