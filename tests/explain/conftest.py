"""The browser of page_fixtures.py, for every test of this folder."""

from __future__ import annotations

from explain.page_fixtures import browser_page, chromium, open_page

__all__ = ["browser_page", "chromium", "open_page"]
