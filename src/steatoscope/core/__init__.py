"""Values and vocabulary: images with geometry and units, measurements, grades, the report, errors."""
