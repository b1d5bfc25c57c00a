"""Models at work: numpy and ONNX, never torch."""
