"""Measurements that the laboratory is to take over."""
