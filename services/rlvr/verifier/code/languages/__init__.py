"""The languages that programs may be written in.

Python is run by the zygote itself. Every other one is a `External`: a tool chain of the host's that compiles, if there
is something to compile, in one jailed run, and executes in another. To add a language, write a file that declares one
and name it in `known`; nothing else knows it by name.
"""
