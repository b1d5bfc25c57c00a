"""Why a model answered as it did: effects of groups of readings, and maps from ONNX graphs, without torch."""
