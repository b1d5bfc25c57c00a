"""Fat and tissue measurements from images: physics first."""
