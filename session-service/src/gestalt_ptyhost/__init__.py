"""The process that holds terminals: parent of the programs, only reader of their PTYs, writer of their journals.

It knows nothing of HTTP, Redis or agents, and imports the standard library only.
"""

__version__ = "0.1.0"
