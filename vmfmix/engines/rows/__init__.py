"""Rows in the containers that users have: tables, columns of vectors, lists, masked arrays."""
