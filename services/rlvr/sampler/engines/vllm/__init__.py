"""The vLLM engine: a facade over an unmodified upstream vLLM server on this machine.

engine     requests become token ids, what the server draws becomes samples
link       the server and the version it holds: swapped in flight, brought back when it is lost
admission  how much is sent to the server at a time
transfer   weights straight from the trainer's GPU instead of its files, where both sides can
api        the server's HTTP routes
server     the server as our child process, or one that somebody else runs
keeper     a program that lets nothing of the server outlive us
flags      settings -> the server's command line
folder     what must be known of a policy's folder, without reading its weights
tied       a tied output head spelled out, for servers on a CPU
metrics    what the server says of itself
"""
