"""The Structs that travel between processes, with their coder, topics and errors.

It takes values of any stage. It gives bytes for Kafka and HTTP, and the same values again.
Nothing here opens a file or a socket, or reads a clock or a setting.
Read message.py first, then topics.py and errors.py.
"""
