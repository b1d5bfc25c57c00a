"""Report documents: HTML and PDF."""
