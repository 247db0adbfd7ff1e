"""Pieces that tabs share, one file each."""
