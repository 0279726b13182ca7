"""Kept release directories and the symlink that names the live one."""
