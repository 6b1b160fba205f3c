"""What shuts a candidate in, one mechanism of the kernel per file.

All of it runs inside, in processes that fork candidates: standard library only, and as little of it
as possible, since it is started without site-packages and every candidate inherits what is imported here.
"""
