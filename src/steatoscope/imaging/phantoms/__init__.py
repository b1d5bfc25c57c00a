"""Simulators with known fat fraction and exact masks for ultrasound, CT and MR."""
