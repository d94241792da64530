"""Looks at one model again and again: is it still the one that was approved?"""
